LOCK TABLES and what a session does under it.

-- case lock tables: a WRITE lock
LOCK TABLES user WRITE, orders READ;
SELECT id, name, level FROM user WHERE id = 5;
SELECT COUNT(*), SUM(score) FROM user;
UPDATE user SET name = 'locked' WHERE id = 5;
UPDATE user SET user.name = 'several' WHERE user.age > 40;
INSERT INTO user (id, name) VALUES (301, 'a'), (302, 'b');
INSERT INTO user (name) VALUES ('generated');
SELECT LAST_INSERT_ID();
DELETE FROM user WHERE id IN (6, 7);
SELECT user.name, orders.amount FROM user JOIN orders ON orders.user_id = user.id WHERE user.id = 4;
SELECT user.name, o.amount FROM user JOIN orders o ON o.user_id = user.id WHERE user.id = 4;
INSERT INTO orders (user_id, amount) VALUES (4, 1);
INSERT INTO user (id, name) VALUES (5, 'dup');
SELECT id, name FROM user WHERE id = 5 FOR UPDATE;
SELECT id, name FROM user WHERE age > 40 FOR UPDATE;
SELECT id FROM user WHERE level = 'mid' AND id < 9;
UPDATE user SET name = 'last' WHERE id = 8;
UNLOCK TABLES;
SELECT COUNT(*) FROM user;
UPDATE user SET name = 'after' WHERE id = 9;

-- case lock tables: values as parameters
LOCK TABLES user WRITE;
-- params 5
SELECT id, name FROM user WHERE id = ?;
-- params 20, 40
SELECT id, name FROM user WHERE age BETWEEN ? AND ?;
-- params 'p', 5
UPDATE user SET name = ? WHERE id = ?;
-- params 'q', 40
UPDATE user SET name = ? WHERE age > ?;
-- params 311, 'r'
INSERT INTO user (id, name) VALUES (?, ?);
-- params 6
DELETE FROM user WHERE id = ?;
UNLOCK TABLES;
SELECT COUNT(*) FROM user;

-- case lock tables: a READ lock
LOCK TABLES user READ;
SELECT id, name FROM user WHERE id = 5;
SELECT COUNT(*) FROM user;
SELECT name FROM user WHERE id = 5 LOCK IN SHARE MODE;
SELECT name FROM user WHERE id = 5 FOR UPDATE;
UPDATE user SET name = 'x' WHERE id = 5;
DELETE FROM user WHERE age > 20;
INSERT INTO user (id, name) VALUES (303, 'x');
REPLACE INTO user (id, name) VALUES (5, 'x');
SELECT COUNT(*) FROM orders;
UNLOCK TABLES;
UPDATE user SET name = 'after' WHERE id = 9;

-- case lock tables: READ LOCAL
LOCK TABLES user READ LOCAL, orders READ LOCAL;
SELECT COUNT(*) FROM user;
SELECT * FROM user WHERE id = 7;
UPDATE user SET name = 'x' WHERE id = 5;
UNLOCK TABLES;

-- case lock tables: aliases
LOCK TABLES user AS u WRITE, orders AS o WRITE;
SELECT u.id, u.name FROM user u WHERE u.id = 5;
SELECT u.id FROM user AS u WHERE u.age > 40;
SELECT u.id, o.amount FROM user u JOIN orders o ON o.user_id = u.id WHERE u.id IN (4, 6);
UPDATE user u SET u.name = 'by alias' WHERE u.id = 5;
UPDATE user AS u SET u.name = 'by alias', score = u.score + 1 WHERE u.age > 40 ORDER BY u.id LIMIT 3;
SELECT u.id FROM user u WHERE u.age > 40 ORDER BY u.id LIMIT 2 FOR UPDATE;
SELECT id FROM user WHERE id = 5;
SELECT COUNT(*) FROM user;
SELECT x.id FROM user x WHERE x.id = 5;
UPDATE user SET name = 'x' WHERE id = 5;
INSERT INTO user (id, name) VALUES (304, 'x');
DELETE FROM user WHERE id = 5;
UPDATE orders SET amount = 1 WHERE id = 5;
UPDATE orders o SET o.amount = 1 WHERE o.id = 5;
UNLOCK TABLES;
SELECT COUNT(*) FROM user;

-- case lock tables: a name to write by, another one to read by
LOCK TABLES user WRITE, user AS r READ;
SELECT r.id FROM user r WHERE r.id = 5;
UPDATE user r SET r.name = 'x' WHERE r.id = 5;
SELECT r.id FROM user r WHERE r.id = 5 FOR UPDATE;
UPDATE user SET name = 'y' WHERE id = 5;
UNLOCK TABLES;

-- case lock tables: keys that change
LOCK TABLES user WRITE;
UPDATE user SET id = 401 WHERE id = 11;
UPDATE user SET id = id + 400 WHERE id = 12;
SELECT id FROM user WHERE id > 400;
UNLOCK TABLES;
SELECT id, name FROM user WHERE id > 400;

-- case lock tables: other tables only
LOCK TABLES orders WRITE;
SELECT COUNT(*) FROM user;
SELECT id FROM user WHERE id = 5;
SELECT u.id FROM user AS u WHERE u.id = 5;
UPDATE user SET name = 'x' WHERE id = 5;
UPDATE user SET name = 'x' WHERE age > 20;
UPDATE user u SET u.name = 'x' WHERE u.id = 5;
INSERT INTO user (name) VALUES ('x');
DELETE FROM user WHERE id = 5;
SELECT id FROM user WHERE id = 5 FOR UPDATE;
UPDATE orders SET amount = 2 WHERE id = 5;
UNLOCK TABLES;
UPDATE user SET name = 'after' WHERE id = 5;

-- case lock tables: autocommit off
SET autocommit = 0;
LOCK TABLES user WRITE, orders WRITE;
UPDATE user SET name = 'kept' WHERE id = 5;
INSERT INTO user (id, name) VALUES (5, 'dup');
INSERT INTO orders (user_id, amount) VALUES (5, 1);
SELECT name FROM user WHERE id = 5;
COMMIT;
UPDATE user SET name = 'gone' WHERE id = 6;
DELETE FROM user WHERE age > 40;
ROLLBACK;
UPDATE user SET name = 'committed by unlock' WHERE id = 7;
SAVEPOINT a;
UPDATE user SET name = 'gone' WHERE id = 8;
ROLLBACK TO a;
UNLOCK TABLES;
SELECT id, name FROM user WHERE id IN (5, 6, 7, 8);
SET autocommit = 1;

-- case lock tables: in a transaction
START TRANSACTION;
UPDATE user SET name = 'committed by lock' WHERE id = 5;
LOCK TABLES user WRITE;
ROLLBACK;
SELECT name FROM user WHERE id = 5;
UPDATE user SET name = 'kept' WHERE id = 6;
UNLOCK TABLES;
SELECT id, name FROM user WHERE id IN (5, 6);

-- case lock tables: a transaction ends the locks
LOCK TABLES orders WRITE;
UPDATE user SET name = 'x' WHERE id = 5;
START TRANSACTION;
UPDATE user SET name = 'in transaction' WHERE id = 5;
COMMIT;
LOCK TABLES user READ;
BEGIN;
UPDATE user SET name = 'in transaction' WHERE id = 6;
ROLLBACK;
SELECT id, name FROM user WHERE id IN (5, 6);

-- case lock tables: new locks in place of old ones
LOCK TABLES user WRITE;
UPDATE user SET name = 'first' WHERE id = 5;
LOCK TABLES orders WRITE;
UPDATE user SET name = 'x' WHERE id = 5;
LOCK TABLES orders READ, user WRITE;
UPDATE user SET name = 'second' WHERE id = 6;
LOCK TABLES user READ, nosuch READ;
SELECT COUNT(*) FROM user;
UPDATE user SET name = 'third' WHERE id = 7;
LOCK TABLES user WRITE, user WRITE;
UNLOCK TABLES;
SELECT id, name FROM user WHERE id IN (5, 6, 7);

-- case lock tables: the sharded table read in a write to another
LOCK TABLES user READ, orders WRITE;
-- refused 0011
INSERT INTO orders (user_id, amount) SELECT id, 1 FROM user WHERE id = 5;
UPDATE orders SET amount = 3 WHERE user_id = 4;
UNLOCK TABLES;

-- case lock tables: several statements in one text
LOCK TABLES user WRITE; UPDATE user SET name = 'one text' WHERE id = 5; UNLOCK TABLES;
SELECT name FROM user WHERE id = 5;

-- case lock tables: one table on MariaDB
-- only mariadb
LOCK TABLE user LOW_PRIORITY WRITE, orders WRITE CONCURRENT;
UPDATE user SET name = 'm' WHERE id = 5;
UNLOCK TABLES;
LOCK TABLES user WRITE WAIT 5;
UPDATE user SET name = 'n' WHERE id = 5;
UNLOCK TABLES;
