-- The tables that the statements of statements.txt are run on.
--
-- `-- schema NAME` begins a set of tables; a block of statements.txt names it by `in NAME`, else it is `usual`. Every
-- table with a primary key is sharded by the first column of that key. A line ends a definition with `;`.

-- schema usual: what most statements mean
CREATE TABLE users (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(40) NULL, email VARCHAR(60) NULL, votes INT NOT NULL DEFAULT 0, version INT NOT NULL DEFAULT 0,
  a INT NULL, b INT NULL,
  created_at DATETIME NULL, updated_at DATETIME(3) NULL, deleted_at DATETIME NULL, createdAt DATETIME NULL,
  KEY email (email)
);
INSERT INTO users (id, name, email, votes, version, a, b, created_at, updated_at, deleted_at)
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
  SELECT i, ELT(1 + i % 4, 'anna', 'a foo', 'Bob', NULL), CONCAT('u', i, '@example.org'), i % 9, i % 3, i, 2 * i,
         DATE_ADD('2024-01-01', INTERVAL i HOUR), DATE_ADD('2024-01-01', INTERVAL i MINUTE), IF(i % 5 = 0, '2024-02-03', NULL)
  FROM n;
CREATE TABLE t (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  a INT NULL, b INT NULL, c INT NULL, k VARCHAR(10) NULL, v INT NULL, n INT NOT NULL DEFAULT 0, x INT NULL, y INT NULL,
  s DECIMAL(20,0) NULL, p BIGINT NULL, parent_id BIGINT NULL, u_id BIGINT NULL, name VARCHAR(40) NULL, age INT NULL,
  d DATETIME(6) NULL, created_at DATETIME(3) NULL, updatedAt DATETIME NULL, j JSON NULL,
  `key` INT NULL, `index` INT NULL, `group` INT NULL, `order` INT NULL, title VARCHAR(60) NULL, body TEXT NULL,
  KEY ix_a (a), FULLTEXT KEY texts (title, body)
);
INSERT INTO t (id, a, b, c, k, v, n, x, y, s, p, parent_id, u_id, name, age, d, created_at, j, `key`, `index`, `group`, `order`, title, body)
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70)
  SELECT i, i % 9, 100 - i, i % 3, CONCAT('k', i), i * 3, i % 4, IF(i % 6 = 0, NULL, i % 7), i, i, i % 7, IF(i > 5, i DIV 6, NULL), 1 + i % 60,
         ELT(1 + i % 3, 'abcx', 'def', 'xyz'), 20 + i, DATE_ADD('2023-12-30', INTERVAL i * 5 HOUR), DATE_ADD('2024-01-01', INTERVAL i SECOND),
         JSON_OBJECT('a', i % 3, 'b', CONCAT('x_', i, 'y'), 'k', IF(i % 2, 'v', 'w'), 'arr', JSON_ARRAY(i, 17 + i % 2)),
         i, i % 2, i % 5, -i, ELT(1 + i % 3, 'foo', 'foo bar', 'other'), ELT(1 + i % 4, 'foo text', 'bar text', 'quux', NULL)
  FROM n;
CREATE TABLE u (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, a INT NULL, b INT NULL, c INT NULL, t_id BIGINT NULL, x INT NULL, y INT NULL
);
INSERT INTO u (id, a, b, c, t_id, x, y)
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
  SELECT i, i % 5, i % 6, i % 3, 2 * i, i % 2, 1 + i % 3 FROM n;
CREATE TABLE v (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, a INT NULL);
INSERT INTO v (id, a) VALUES (1, 1), (2, 2), (3, 3), (7, 4), (39, 5), (60, 6);

-- schema pairs: tables that are joined
CREATE TABLE a (id INT NOT NULL PRIMARY KEY, x INT NULL);
INSERT INTO a VALUES (1, 1), (2, 4), (3, 9), (4, 16);
CREATE TABLE b (id INT NOT NULL PRIMARY KEY, y INT NULL);
INSERT INTO b VALUES (2, 1), (3, 8), (5, 27);
CREATE TABLE c (id INT NOT NULL PRIMARY KEY, z INT NULL);
INSERT INTO c VALUES (1, 5), (4, 6);
CREATE TABLE t1 (id INT NOT NULL PRIMARY KEY, a INT NULL);
INSERT INTO t1 VALUES (1, 1), (2, 2), (3, 2), (4, NULL), (5, 5);
CREATE TABLE t2 (id INT NOT NULL PRIMARY KEY, a INT NULL);
INSERT INTO t2 VALUES (1, 5), (2, 7);

-- schema names: words that are keywords elsewhere, and tables of one framework
CREATE TABLE wp_options (
  option_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, option_name VARCHAR(191) NOT NULL DEFAULT '',
  option_value LONGTEXT NULL, autoload VARCHAR(20) NOT NULL DEFAULT 'yes', KEY option_name (option_name)
);
INSERT INTO wp_options (option_id, option_name, option_value) VALUES
  (1, 'siteurl', 'x'), (2, '_transient_feed', 'old'), (3, '_transient_timeout_feed', '1600000000'),
  (4, '_transient_doing', 'new'), (5, '_transient_timeout_doing', '1900000000');
CREATE TABLE blogs (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NULL);
INSERT INTO blogs VALUES (1, 'one'), (2, 'two');
CREATE TABLE t_seq (next_val BIGINT NOT NULL PRIMARY KEY);
INSERT INTO t_seq VALUES (51);
CREATE TABLE `ta ble` (`we``ird` INT NOT NULL PRIMARY KEY, `a b` INT NULL);
INSERT INTO `ta ble` VALUES (1, 10), (2, 20), (3, NULL);
CREATE TABLE `order` (`select` INT NOT NULL PRIMARY KEY, `from` INT NULL);
INSERT INTO `order` VALUES (1, 10), (2, 20);
CREATE TABLE `offset` (`offset` INT NOT NULL PRIMARY KEY, `limit` INT NULL);
INSERT INTO `offset` VALUES (1, 10), (2, 20);
CREATE TABLE events (id INT NOT NULL PRIMARY KEY, `start` INT NULL, `end` INT NULL, `window` INT NULL, `action` VARCHAR(10) NULL);
INSERT INTO events VALUES (1, 0, 1, 7, 'a'), (2, 1, 2, 8, 'b'), (3, 2, 3, 9, NULL);
CREATE TABLE 2020_sales (id INT NOT NULL PRIMARY KEY, amount DECIMAL(8,2) NULL);
INSERT INTO 2020_sales VALUES (1, 9.99), (2, NULL);

-- schema models: names as some ORMs write them
CREATE TABLE Users (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, createdAt DATETIME NOT NULL DEFAULT '2024-01-01 00:00:00');
INSERT INTO Users VALUES (1, '2024-01-02 00:00:00'), (2, '2024-01-03 00:00:00');
CREATE TABLE User (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(60) NULL);
INSERT INTO User VALUES (1, 'a@example.org'), (2, 'b@example.org'), (7, 'g@example.org');

-- schema numbers: as many columns as `VALUES (1,2)` has
CREATE TABLE t (a INT NOT NULL PRIMARY KEY, b INT NULL);
INSERT INTO t VALUES (5, 50), (6, 60), (7, 70);
CREATE TABLE u (a INT NOT NULL PRIMARY KEY, b INT NULL);
INSERT INTO u VALUES (11, 1), (12, 2), (14, 4);
CREATE TABLE users (a INT NOT NULL PRIMARY KEY, b INT NULL);
INSERT INTO users VALUES (1, 50), (6, 60);

-- schema upserts: a key that is not the first column
CREATE TABLE t (b INT NOT NULL PRIMARY KEY, a INT NULL);
INSERT INTO t VALUES (2, 20), (3, 30);

-- schema one: as many as `VALUES (1)` has
CREATE TABLE t (a INT NOT NULL PRIMARY KEY);
INSERT INTO t VALUES (1), (2);

-- schema grouped: what GROUP BY a, b leaves open is nothing
CREATE TABLE t (a INT NOT NULL, b INT NOT NULL, x INT NULL, PRIMARY KEY (a, b));
INSERT INTO t VALUES (1, 1, 1), (1, 2, 3), (2, 1, 9);

-- schema words: columns of text
CREATE TABLE t (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  a VARCHAR(60) NULL, b VARCHAR(60) NULL, c VARCHAR(60) NULL, d VARCHAR(60) NULL, FULLTEXT KEY words (a)
);
INSERT INTO t (id, a, b, c, d) VALUES
  (1, 'x one', 'x -- not comment', '/* nor this */', '# nor'), (2, '5%', 'q', '1.5', 'y'), (3, NULL, 'r', '7', NULL),
  (4, 'x', 'x', '3', 'z'), (5, 'x''y', 'p"q', NULL, 'z'), (6, '12', 'ze', 'z', 'z'), (7, 'axb', 'zf', '2', '1');

-- schema dates: columns of dates and times
CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, a DATETIME(6) NULL, b DATETIME NULL, c DATE NULL, x VARCHAR(9) NULL, y INT NULL);
INSERT INTO t (id, a, b, c, x, y)
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
  SELECT i, DATE_ADD('2023-12-30', INTERVAL i * 7 HOUR), DATE_ADD('2023-12-31', INTERVAL i * 6 HOUR), DATE_ADD('2023-12-25', INTERVAL i DAY),
         CONCAT('', i), i * 10 FROM n;

-- schema bytes: binary strings
CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, a VARBINARY(60) NULL);
INSERT INTO t VALUES (1, x'00');

-- schema places: geometry
CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, a GEOMETRY NULL);
INSERT INTO t VALUES (1, NULL);

-- schema parts: partitions
CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, a INT NULL, b INT NULL)
  PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (11, 1, 1), (12, 2, 2);

-- schema sequences: MariaDB's own
/*M! CREATE SEQUENCE t_seq */;
/*M! CREATE SEQUENCE seq */;
CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY);
INSERT INTO t VALUES (1), (2), (3);

-- schema changing: a table whose definition changes
CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, c INT NULL) DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_unicode_ci;
INSERT INTO t VALUES (1, 1), (2, 2), (3, NULL);
