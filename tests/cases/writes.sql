Every class of write on the one table. The directives are explained in tests/src/same/case.rs.

-- case insert: given key
INSERT INTO user (id, name, age) VALUES (1001, 'given', 33);
SELECT LAST_INSERT_ID(), ROW_COUNT();
SELECT * FROM user WHERE id = 1001;

-- case insert: given key as parameter
-- params 1002, 'it''s', NULL
INSERT INTO user (id, name, age) VALUES (?, ?, ?);

-- case insert: generated key
INSERT INTO user (name, score) VALUES ('born', 1.5);
SELECT LAST_INSERT_ID();
INSERT INTO user (name, score) VALUES ('born again', 2.5);
SELECT LAST_INSERT_ID(), ROW_COUNT();

-- case insert: generated key by NULL, 0 and DEFAULT
INSERT INTO user (id, name) VALUES (NULL, 'by null');
INSERT INTO user (id, name) VALUES (0, 'by zero');
INSERT INTO user (id, name) VALUES (DEFAULT, 'by default');
SELECT LAST_INSERT_ID();

-- case insert: several rows with generated keys
INSERT INTO user (name, age) VALUES ('a', 1), ('b', 2), ('c', 3), ('d', 4);
SELECT LAST_INSERT_ID();
-- params 'p', 'q', 'r'
INSERT INTO user (name) VALUES (?), (?), (?);
SELECT LAST_INSERT_ID();

-- case insert: several rows with given keys, over all shards
INSERT INTO user (id, name) VALUES (2000, 'a'), (2001, 'b'), (2002, 'c'), (2003, 'd'), (2004, 'e'), (2005, 'f'), (2006, 'g'), (2007, 'h'), (2008, 'i'), (2009, 'j'), (2019, 'k');
SELECT LAST_INSERT_ID();

-- case insert: without a column list
INSERT INTO user VALUES (3001, 'whole', 'w@example.org', 40, 9.99, 'mid', 'a,c', 1, 'bio', '2000-01-02', '2024-05-06 07:08:09.123', '2024-01-02 03:04:05', 0.5, x'00ff', '2024-01-01 00:00:00');
SELECT * FROM user WHERE id = 3001;

-- case insert: SET form
INSERT INTO user SET id = 3002, name = 'set form', tags = 'b';
INSERT INTO user SET name = 'set form', ratio = 1e3;

-- case insert: negative and large keys
INSERT INTO user (id, name) VALUES (-7, 'negative'), (-10, 'negative'), (9000000000, 'large');
SELECT id, name FROM user WHERE id = -7;
DELETE FROM user WHERE id = 9000000000;

-- case insert: empty values list
INSERT INTO user () VALUES ();
INSERT INTO user VALUES (DEFAULT, DEFAULT, NULL, NULL, DEFAULT, DEFAULT, DEFAULT, DEFAULT, NULL, NULL, NULL, DEFAULT, NULL, NULL, DEFAULT);

-- case insert: expressions and functions of constants
INSERT INTO user (id, name, score, born) VALUES (30 + 71, CONCAT('a', 'b'), 2 * 1.5, DATE_ADD('2020-02-28', INTERVAL 1 DAY));
SELECT LAST_INSERT_ID(), ROW_COUNT();
SELECT * FROM user WHERE id = 101;
INSERT INTO user (id, name) VALUES (2000 + 3, 'a'), (4 * 501, UPPER('b')), (2005, 'c');
INSERT INTO user SET name = 'expression', id = ABS(-2006), score = 1 / 4;
INSERT IGNORE INTO user (id, name) VALUES (3 + 2, 'there'), (2000 + 7, 'new');
INSERT INTO user (id, age) VALUES (3 + 2, 1) ON DUPLICATE KEY UPDATE age = VALUES(age) + 1;
REPLACE INTO user (id, name) VALUES (GREATEST(2, 7), 'replaced');
INSERT INTO user (id, name) VALUES (NULLIF(1, 1), 'by an expression that is NULL');
INSERT INTO user (id, name) VALUES (TRUE + 2007, 'x');
INSERT INTO user (id, name) VALUES (3 + 2, 'there');
INSERT INTO user (id, name) VALUES (9223372036854775807 + 1, 'too much');
-- refused 1101 0111 0011
INSERT INTO user (id, name) VALUES ('a' + 1, 'a warning or an error');
-- params 5, 6
INSERT INTO user (id, age) VALUES (3000 + ?, ?);

-- case insert: keys from variables and functions
INSERT INTO user (name) VALUES ('parent');
INSERT INTO user (id, name) VALUES (LAST_INSERT_ID() + 5000, 'child');
SELECT LAST_INSERT_ID(), ROW_COUNT();
SET @id = 6001, @text = '6002';
INSERT INTO user (id, name) VALUES (@id, 'by a variable'), (@id + 5, 'x');
INSERT INTO user (id, name) VALUES (@text, 'by a text');
INSERT INTO user (id, name) VALUES (@none, 'by nothing');
BEGIN;
INSERT INTO user (id, name) VALUES (@id + 10, 'in a transaction');
SELECT name FROM user WHERE id = 6011;
ROLLBACK;
-- refused 1101 0111 0011
INSERT INTO user (id, name) VALUES (@id := 6020, 'a variable that is set');
-- refused 1101 0111 0011
INSERT INTO user (age, id) VALUES (3, age + 6030);
-- refused 1101 0111 0011
INSERT INTO user (id, name) VALUES ((SELECT MAX(id) + 7000 FROM orders), 'x');

-- case insert: expressions
INSERT INTO user (id, name, score, born) VALUES (101, CONCAT('a', 'b'), 2 * 1.5, DATE_ADD('2020-02-28', INTERVAL 1 DAY));

-- case insert: duplicate key
INSERT INTO user (id, name) VALUES (5, 'dup');
INSERT INTO user (id, name) VALUES (4001, 'a'), (5, 'dup'), (4002, 'b');
SELECT COUNT(*) FROM user;

-- case insert: warnings and strict errors
SET sql_mode = '';
INSERT INTO user (id, name, age) VALUES (4003, 'cut', 300);
INSERT INTO user (id, name, level) VALUES (4004, REPEAT('x', 60), 'nonsense');
SET sql_mode = 'STRICT_ALL_TABLES';
INSERT INTO user (id, name, age) VALUES (4005, 'cut', 300);
INSERT INTO user (id, name) VALUES (4006, NULL);

-- case insert: unknown column, wrong count
INSERT INTO user (id, nonsense) VALUES (1, 2);
INSERT INTO user (id, name) VALUES (1);

-- case insert ignore
INSERT IGNORE INTO user (id, name) VALUES (5, 'dup'), (5001, 'new');
INSERT IGNORE INTO user (id, name) VALUES (5, 'dup');
INSERT IGNORE INTO user (id, name) VALUES (5, 'other'), (6, 'name6'), (5005, 'new') ON DUPLICATE KEY UPDATE name = VALUES(name);
INSERT IGNORE INTO user (id, name) VALUES (5, 'changed') ON DUPLICATE KEY UPDATE name = VALUES(name);
INSERT IGNORE INTO user (id, name, age) VALUES (5002, 'cut', 999);

-- case on duplicate key update
INSERT INTO user (id, name, age) VALUES (5, 'odku', 1) ON DUPLICATE KEY UPDATE age = 77;
INSERT INTO user (id, name, age) VALUES (6001, 'odku', 1) ON DUPLICATE KEY UPDATE age = 78;
INSERT INTO user (id, name, age) VALUES (5, 'odku', 1) ON DUPLICATE KEY UPDATE age = 77;
INSERT INTO user (id, name, age) VALUES (6, 'x', 7), (6002, 'y', 8) ON DUPLICATE KEY UPDATE name = VALUES(name), age = age + 1;
-- params 7, 'p', 'q'
INSERT INTO user (id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name = ?;

-- case replace
REPLACE INTO user (id, name) VALUES (5, 'replaced');
REPLACE INTO user (id, name) VALUES (7001, 'new');
REPLACE INTO user (id, name) VALUES (6, 'a'), (7002, 'b');
-- params 8, 'p'
REPLACE INTO user (id, name) VALUES (?, ?);

-- case update: by key
UPDATE user SET name = 'changed' WHERE id = 5;
SELECT ROW_COUNT();
UPDATE user SET name = 'changed' WHERE id = 5;
UPDATE user SET name = 'nobody' WHERE id = 999999;
-- params 'p', 9.5, 12
UPDATE user SET name = ?, score = ? WHERE id = ?;

-- case update: several keys
UPDATE user SET age = 50 WHERE id IN (1, 2, 3, 11, 999);
UPDATE user SET age = 51 WHERE id = 4 OR id = 14;
UPDATE user SET age = 52 WHERE id BETWEEN 20 AND 29;

-- case update: by another column
UPDATE user SET score = score + 1 WHERE name = 'name3';
UPDATE user SET tags = 'c' WHERE age > 40 AND active = 1;
UPDATE user SET bio = NULL WHERE email IS NULL;
-- params 100, 'name2'
UPDATE user SET score = ? WHERE name = ?;
UPDATE user SET score = 0 WHERE name = 'nobody has this name';

-- case update: all rows
UPDATE user SET active = 1 - active;

-- case update: order and limit
UPDATE user SET name = 'first' ORDER BY id LIMIT 3;
UPDATE user SET name = 'last' WHERE active = 1 ORDER BY id DESC LIMIT 4;
UPDATE user SET name = 'none' ORDER BY id LIMIT 0;

-- case update: changes the shard key
UPDATE user SET id = 10005 WHERE id = 5;
-- refused 0011
UPDATE user SET id = id + 20000 WHERE id IN (7, 8, 9);
UPDATE user SET id = 6 WHERE id = 10;
SELECT id, name FROM user WHERE id IN (5, 10005, 20007, 6, 10);

-- case update: expressions, aliases, quoted and qualified names
UPDATE `user` AS u SET u.score = u.score * 2, u.name = UPPER(u.name) WHERE u.id = 15;
UPDATE shopdb.user SET score = 3 WHERE id = 16;
UPDATE `shopdb`.`user` SET `score` = 4 WHERE `user`.`id` = 17;

-- case update: key given as something else than an integer
UPDATE user SET age = 1 WHERE id = '18';
UPDATE user SET age = 2 WHERE id = 19.0;
UPDATE user SET age = 3 WHERE id = 1.9e1;
UPDATE user SET age = 4 WHERE id = 10 + 10;
-- refused 1101 0111 0011
UPDATE user SET age = 5 WHERE id IS NULL;
UPDATE user SET age = 6 WHERE id = NULL;

-- case update: strict errors and warnings
UPDATE user SET age = 300 WHERE id = 5;
UPDATE user SET name = NULL WHERE id = 5;
UPDATE IGNORE user SET age = 300 WHERE id = 5;
UPDATE user SET nonsense = 1 WHERE id = 5;

-- case delete: by key
DELETE FROM user WHERE id = 5;
DELETE FROM user WHERE id = 5;
-- params 6
DELETE FROM user WHERE id = ?;
DELETE FROM user WHERE id IN (7, 8, 17, 18);

-- case delete: by another column
DELETE FROM user WHERE name = 'name1';
-- params 30
DELETE FROM user WHERE age < ?;
DELETE FROM user WHERE name = 'nobody';

-- case delete: order and limit
DELETE FROM user ORDER BY id LIMIT 3;
DELETE FROM user WHERE active = 0 ORDER BY score DESC, id LIMIT 2;

-- case delete: all rows, then an insert
DELETE FROM user;
INSERT INTO user (name) VALUES ('after');

-- case comments, case and spaces
/* leading */ UPDATE /* a */ user SET NAME = 'c' /* b */ WHERE ID=5 -- end
;
update user set name='d'where id=5;

-- case insert: rows on several shards fail
INSERT INTO user (id) VALUES (100), (1), (11), (2), (100);
INSERT INTO user (id) VALUES (200), (201), (200), (5), (201);
-- params 300, 301, 300, 5
INSERT INTO user (id) VALUES (?), (?), (?), (?);
SELECT COUNT(*) FROM user;
START TRANSACTION;
INSERT INTO user (id) VALUES (400);
INSERT INTO user (id) VALUES (500), (501), (500), (1), (400);
INSERT INTO user (id) VALUES (500);
COMMIT;
SELECT id FROM user WHERE id >= 100 ORDER BY id;
