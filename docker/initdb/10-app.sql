-- An application's database as it is before it has heard of Shunt, and the accounts that Shunt asks for.
CREATE DATABASE IF NOT EXISTS app;
CREATE DATABASE IF NOT EXISTS shunt;

CREATE TABLE app.user (
  id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name       VARCHAR(100) NOT NULL,
  balance    BIGINT NOT NULL DEFAULT 0,
  version    BIGINT NOT NULL DEFAULT 0,
  updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
) ENGINE=InnoDB;

-- The application: its own rights, the gates, and the log of the reverse sync. A grant on a table that does not
-- exist yet is possible together with CREATE only.
CREATE USER 'app'@'%' IDENTIFIED BY 'app';
GRANT SELECT, INSERT, UPDATE, DELETE ON app.* TO 'app'@'%';
GRANT SELECT ON shunt.* TO 'app'@'%';
GRANT CREATE, INSERT ON shunt.dirty_user TO 'app'@'%';
REVOKE CREATE ON shunt.dirty_user FROM 'app'@'%';

-- The sidecars' own connections.
CREATE USER 'shunt'@'%' IDENTIFIED BY 'shunt';
GRANT ALL ON app.* TO 'shunt'@'%';
GRANT ALL ON shunt.* TO 'shunt'@'%';
GRANT SELECT ON performance_schema.* TO 'shunt'@'%';
GRANT PROCESS, CONNECTION_ADMIN ON *.* TO 'shunt'@'%';
