Several statements in one transaction, and what a session remembers.

-- case transaction: commit
START TRANSACTION;
INSERT INTO user (id, name) VALUES (101, 'one');
UPDATE user SET name = 'two' WHERE id = 11;
SELECT id, name FROM user WHERE id IN (101, 11);
DELETE FROM user WHERE id = 12;
SELECT COUNT(*) FROM user;
COMMIT;
SELECT COUNT(*) FROM user;

-- case transaction: rollback
BEGIN;
INSERT INTO user (id, name) VALUES (102, 'one');
UPDATE user SET score = 0;
DELETE FROM user WHERE id < 20;
SELECT COUNT(*), SUM(score) FROM user;
ROLLBACK;
SELECT COUNT(*), SUM(score) FROM user;

-- case transaction: savepoints
START TRANSACTION;
UPDATE user SET name = 'kept' WHERE id = 1;
SAVEPOINT a;
UPDATE user SET name = 'dropped' WHERE id = 2;
INSERT INTO user (id, name) VALUES (103, 'dropped');
ROLLBACK TO a;
UPDATE user SET name = 'kept' WHERE id = 3;
RELEASE SAVEPOINT a;
COMMIT;
SELECT id, name FROM user WHERE id IN (1, 2, 3, 103);

-- case transaction: savepoint before the first write
START TRANSACTION;
SAVEPOINT a;
UPDATE user SET name = 'dropped' WHERE id = 2;
ROLLBACK TO SAVEPOINT a;
UPDATE user SET name = 'kept' WHERE id = 3;
COMMIT;

-- case transaction: an error leaves it open
START TRANSACTION;
UPDATE user SET name = 'kept' WHERE id = 4;
INSERT INTO user (id, name) VALUES (4, 'dup');
UPDATE user SET name = 'kept too' WHERE id = 6;
COMMIT;

-- case transaction: both tables
START TRANSACTION;
UPDATE user SET name = 'both' WHERE id = 4;
INSERT INTO orders (user_id, amount, note) VALUES (4, 12.5, 'both');
UPDATE orders SET amount = amount + 1 WHERE user_id = 4;
COMMIT;
SELECT u.name, o.amount FROM user u JOIN orders o ON o.user_id = u.id WHERE u.id = 4;

-- case transaction: generated keys
START TRANSACTION;
INSERT INTO user (name) VALUES ('g1');
SELECT LAST_INSERT_ID();
INSERT INTO user (name) VALUES ('g2'), ('g3');
SELECT LAST_INSERT_ID();
-- refused 1101 0111 0011
UPDATE user SET score = 5 WHERE id = LAST_INSERT_ID();
INSERT INTO orders (user_id, amount) VALUES (LAST_INSERT_ID(), 1);
COMMIT;
SELECT u.name, o.amount FROM user u JOIN orders o ON o.user_id = u.id WHERE o.amount = 1;

-- case transaction: autocommit off
SET autocommit = 0;
UPDATE user SET name = 'off' WHERE id = 7;
SELECT name FROM user WHERE id = 7;
COMMIT;
UPDATE user SET name = 'gone' WHERE id = 8;
ROLLBACK;
SET autocommit = 1;
SELECT id, name FROM user WHERE id IN (7, 8);

-- case transaction: isolation levels
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
START TRANSACTION;
UPDATE user SET name = 'rc' WHERE name = 'name3';
SELECT COUNT(*) FROM user WHERE name = 'rc';
COMMIT;
SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE;
START TRANSACTION;
SELECT id, name FROM user WHERE id = 9;
UPDATE user SET name = 'ser' WHERE id = 9;
COMMIT;

-- case transaction: read only
START TRANSACTION READ ONLY;
SELECT COUNT(*) FROM user;
UPDATE user SET name = 'x' WHERE id = 1;
COMMIT;

-- case transaction: begin in a transaction, chain
START TRANSACTION;
UPDATE user SET name = 'c1' WHERE id = 1;
BEGIN;
UPDATE user SET name = 'c2' WHERE id = 2;
COMMIT AND CHAIN;
UPDATE user SET name = 'c3' WHERE id = 3;
ROLLBACK;
SELECT id, name FROM user WHERE id < 4;

-- case session: row count, found rows, warnings after writes
INSERT INTO user (id, name) VALUES (111, 'a'), (112, 'b');
SELECT ROW_COUNT();
UPDATE user SET name = 'z' WHERE id IN (111, 112, 113);
SELECT ROW_COUNT();
SELECT id FROM user WHERE id < 4;
SELECT FOUND_ROWS();
INSERT IGNORE INTO user (id, name) VALUES (111, 'again');
SELECT @@warning_count;
SHOW WARNINGS;
DELETE FROM user WHERE id = 111;
SELECT ROW_COUNT();

-- case session: user variables
SET @id = 13;
SELECT id, name FROM user WHERE id = @id;
UPDATE user SET name = 'by variable' WHERE id = @id;
SELECT @n := name FROM user WHERE id = 13;

-- case session: sql_mode
SET sql_mode = 'ANSI_QUOTES';
SELECT "id", "name" FROM "user" WHERE "id" = 5;
UPDATE "user" SET "name" = 'ansi' WHERE "id" = 5;

-- case session: time
SET timestamp = 1700000000;
SET time_zone = '+02:00';
INSERT INTO user (id, name, seen, created) VALUES (121, 'now', NOW(3), NOW());
UPDATE user SET seen = NOW() WHERE id = 14;
SELECT seen, created FROM user WHERE id IN (121, 14);
