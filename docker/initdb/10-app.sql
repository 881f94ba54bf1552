-- An application's database as it is before it has heard of Shunt, and the accounts that Shunt asks for.
CREATE DATABASE IF NOT EXISTS app;
CREATE DATABASE IF NOT EXISTS shunt;

-- The demo's table (tests/src/sql.rs): a row says who owns it and which write it shows.
CREATE TABLE app.user (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  token BIGINT UNSIGNED NOT NULL,
  version BIGINT UNSIGNED NOT NULL,
  changes INT UNSIGNED NOT NULL DEFAULT 0,
  payload INT UNSIGNED NOT NULL,
  name VARCHAR(60) NOT NULL,
  email VARCHAR(120) NULL,
  balance DECIMAL(12,2) NOT NULL DEFAULT 0,
  state ENUM('new','active','gone') NOT NULL DEFAULT 'new',
  created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  KEY token (token), KEY name (name)
) ENGINE=InnoDB DEFAULT CHARSET utf8mb4;

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
