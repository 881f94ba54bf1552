IGNORE, REPLACE and ON DUPLICATE KEY UPDATE on a table with the unique keys `email` and `place (born, level)`.
User i has the email u<i>@example.org, NULL where i is a multiple of 5. The directives are explained in tests/src/same/case.rs.

-- case unique: insert ignore
INSERT IGNORE INTO user (email, name) VALUES ('u3@example.org', 'x'), ('new@example.org', 'y'), ('U4@EXAMPLE.ORG', 'z'), ('newer@example.org', 'w');
SELECT LAST_INSERT_ID();
INSERT IGNORE INTO user (email, name) VALUES ('u3@example.org', 'x');
INSERT IGNORE INTO user (id, email) VALUES (3, 'fresh@example.org'), (900, 'u4@example.org'), (901, 'only@example.org');
-- params 'u6@example.org', 'p', 'q@example.org', 'q'
INSERT IGNORE INTO user (email, name) VALUES (?, ?), (?, ?);
INSERT INTO user (name) VALUES ('next');

-- case unique: duplicate keys are errors
INSERT INTO user (email) VALUES ('u3@example.org');
INSERT INTO user (email) VALUES ('fresh@example.org'), ('u3@example.org');
UPDATE user SET email = 'u3@example.org' WHERE id = 4;

-- case unique: on duplicate key update, generated id
INSERT INTO user (email, age) VALUES ('u3@example.org', 1) ON DUPLICATE KEY UPDATE age = 55;
SELECT LAST_INSERT_ID();
INSERT INTO user (email, age) VALUES ('u3@example.org', 1) ON DUPLICATE KEY UPDATE age = 55;
INSERT INTO user (email, age) VALUES ('new@example.org', 1) ON DUPLICATE KEY UPDATE age = 55;
SELECT LAST_INSERT_ID();
INSERT INTO user (email, age) VALUES ('U3@EXAMPLE.ORG', 1) ON DUPLICATE KEY UPDATE age = 56;
INSERT INTO user (email, age) VALUES ('u1@example.org', 1), ('a@example.org', 2), ('u2@example.org', 3), ('b@example.org', 4) ON DUPLICATE KEY UPDATE age = VALUES(age) + 100;
SELECT LAST_INSERT_ID();
-- params 'u6@example.org', 7, 8
INSERT INTO user (email, age) VALUES (?, ?) ON DUPLICATE KEY UPDATE age = ?;

-- case unique: on duplicate key update, id of the old row
INSERT INTO user (email, age) VALUES ('u3@example.org', 1) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), age = 55;
SELECT LAST_INSERT_ID();
INSERT INTO user (email, age) VALUES ('c@example.org', 1) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), age = 55;
SELECT LAST_INSERT_ID();

-- case unique: on duplicate key update, given id and value meet different rows
INSERT INTO user (id, email, age) VALUES (3, 'u4@example.org', 1) ON DUPLICATE KEY UPDATE age = 61;
INSERT INTO user (id, email, age) VALUES (902, 'u4@example.org', 1) ON DUPLICATE KEY UPDATE age = 62;
INSERT INTO user (id, email, age) VALUES (903, 'd@example.org', 1) ON DUPLICATE KEY UPDATE age = 63;
INSERT INTO user (id, email, age) VALUES (7, 'e@example.org', 1) ON DUPLICATE KEY UPDATE age = 64, email = VALUES(email);
INSERT INTO user (id, email, age) VALUES (8, 'u9@example.org', 1) ON DUPLICATE KEY UPDATE email = VALUES(email);
INSERT INTO user (id, email, age) VALUES (11, 'f@example.org', 1), (12, 'f@example.org', 2), (904, 'f@example.org', 3) ON DUPLICATE KEY UPDATE age = VALUES(age) + 20, email = 'u11@example.org';

-- case unique: on duplicate key update, key of several columns
INSERT INTO user (born, level, age) VALUES ('1980-03-30', 'mid', 1) ON DUPLICATE KEY UPDATE age = 71;
INSERT INTO user (born, level, age) VALUES ('1980-03-30', 'high', 1) ON DUPLICATE KEY UPDATE age = 72;
INSERT INTO user (email, born, level, age) VALUES ('u5@example.org', '1980-04-30', 'high', 1) ON DUPLICATE KEY UPDATE age = 73;
INSERT INTO user (email, born, level, age) VALUES (NULL, NULL, 'high', 1), (NULL, NULL, 'low', 2) ON DUPLICATE KEY UPDATE age = 74;

-- case unique: row alias
-- only mysql
INSERT INTO user (email, age) VALUES ('u3@example.org', 1) AS new ON DUPLICATE KEY UPDATE age = new.age + 30, email = new.email;
INSERT INTO user (email, age) VALUES ('u3@example.org', 1) AS new (e, a) ON DUPLICATE KEY UPDATE age = a + 31, email = new.e;
INSERT INTO user SET email = 'u3@example.org', age = 1 AS new ON DUPLICATE KEY UPDATE age = new.age + 32;

-- case unique: assigned values that cannot be followed
-- refused 1101 0111
INSERT INTO user (email, age) VALUES ('u3@example.org', 1) ON DUPLICATE KEY UPDATE email = CONCAT('x', email);
-- refused 1101 0111
INSERT INTO user (email, age) VALUES (CONCAT('u', 4, '@example.org'), 1) ON DUPLICATE KEY UPDATE age = 81;

-- case unique: replace
REPLACE INTO user (id, email) VALUES (3, 'u3@example.org');
REPLACE INTO user (id, email) VALUES (3, 'u4@example.org');
REPLACE INTO user (id, email, name) VALUES (905, 'u6@example.org', 'moved');
REPLACE INTO user (email, name) VALUES ('u7@example.org', 'fresh id');
SELECT LAST_INSERT_ID();
REPLACE INTO user (email, name) VALUES ('g@example.org', 'new');
REPLACE INTO user (id, email, born, level) VALUES (8, 'u9@example.org', '1980-03-30', 'mid');
REPLACE INTO user (email, name) VALUES ('u11@example.org', 'a'), ('h@example.org', 'b'), ('u12@example.org', 'c'), ('U13@EXAMPLE.ORG', 'd');
SELECT LAST_INSERT_ID();
REPLACE INTO user SET id = 906, email = CONCAT('u', 14, '@example.org');
-- params 907, 'u16@example.org'
REPLACE INTO user (id, email) VALUES (?, ?);
REPLACE INTO user (id, email) VALUES (20, NULL), (25, NULL);

-- case unique: replace whose rows replace each other
-- refused 1101 0111
REPLACE INTO user (id, email) VALUES (910, 'u3@example.org'), (910, 'u4@example.org');
-- refused 1101 0111
REPLACE INTO user (email, name) VALUES ('i@example.org', 'a'), ('i@example.org', 'b');

-- case unique: update ignore
UPDATE IGNORE user SET email = 'u3@example.org' WHERE id IN (3, 4, 6);
UPDATE IGNORE user SET email = 'j@example.org' WHERE age > 20 ORDER BY id LIMIT 3;
UPDATE IGNORE user SET id = id + 1 WHERE id IN (3, 60);
UPDATE IGNORE user SET id = 5 WHERE id = 6;

-- case unique: values that move between rows
UPDATE user SET email = CASE id WHEN 1 THEN NULL ELSE 'u1@example.org' END WHERE id IN (1, 11) ORDER BY id;
UPDATE user SET email = CASE id WHEN 2 THEN NULL ELSE 'u2@example.org' END WHERE id IN (2, 3) ORDER BY id;

-- case unique: in a transaction
BEGIN;
INSERT INTO user (email, age) VALUES ('u3@example.org', 1) ON DUPLICATE KEY UPDATE age = 91;
REPLACE INTO user (email, name) VALUES ('u4@example.org', 'in a transaction');
INSERT IGNORE INTO user (email) VALUES ('u6@example.org'), ('k@example.org');
COMMIT;
BEGIN;
REPLACE INTO user (email, name) VALUES ('u7@example.org', 'rolled back');
ROLLBACK;

-- case unique: what is told of the last statement
INSERT IGNORE INTO user (email, age) VALUES ('u3@example.org', 1), ('l@example.org', 2);
SELECT ROW_COUNT();
SHOW WARNINGS;
REPLACE INTO user (email, age) VALUES ('u4@example.org', 3), ('m@example.org', 'x4');
SHOW WARNINGS;
REPLACE INTO user (id, email) VALUES (912, 'u6@example.org');
SELECT ROW_COUNT(), @@warning_count;
INSERT INTO user (email, age) VALUES ('u7@example.org', 1), ('n@example.org', 2) ON DUPLICATE KEY UPDATE age = 92;
SELECT ROW_COUNT();
INSERT INTO user (email, age) VALUES ('u7@example.org', 1) ON DUPLICATE KEY UPDATE age = 92;
SELECT ROW_COUNT();
SHOW WARNINGS;

-- case unique: under a WRITE lock
LOCK TABLES user WRITE;
INSERT IGNORE INTO user (email, name) VALUES ('u3@example.org', 'x'), ('o@example.org', 'y');
INSERT INTO user (email, age) VALUES ('u3@example.org', 1), ('p@example.org', 2) ON DUPLICATE KEY UPDATE age = VALUES(age) + 100;
INSERT INTO user (id, email, age) VALUES (3, 'u4@example.org', 1), (913, 'u6@example.org', 2) ON DUPLICATE KEY UPDATE user.age = 93;
REPLACE INTO user (id, email) VALUES (914, 'u7@example.org');
REPLACE INTO user (email, name) VALUES ('u8@example.org', 'a'), ('q@example.org', 'b');
UPDATE IGNORE user SET email = 'u9@example.org' WHERE id IN (9, 11);
UNLOCK TABLES;

-- case unique: under a WRITE lock on an alias
LOCK TABLES user AS u WRITE, orders READ;
INSERT INTO user (email, age) VALUES ('u3@example.org', 1) ON DUPLICATE KEY UPDATE age = 94;
REPLACE INTO user (id, email) VALUES (915, 'u7@example.org');
UPDATE IGNORE user AS u SET u.email = 'u9@example.org' WHERE u.id IN (9, 11);
UNLOCK TABLES;
