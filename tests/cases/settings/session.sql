Settings that need statements of their own.

-- case completion: chained
SET completion_type = 1;
BEGIN;
UPDATE user SET name = 'kept' WHERE id = 5;
COMMIT;
UPDATE user SET name = 'dropped' WHERE id = 6;
ROLLBACK;
UPDATE user SET name = 'kept, too' WHERE age = 30;
COMMIT AND NO CHAIN;
UPDATE user SET name = 'by itself' WHERE id = 7;
ROLLBACK AND NO CHAIN;
SELECT id, name FROM user WHERE id IN (5, 6, 7);

-- case select limit: none
SET sql_select_limit = 0;
UPDATE user SET name = 'by key' WHERE id = 5;
UPDATE user SET name = 'by condition' WHERE age = 30;
INSERT INTO user (name) VALUES ('one'), ('two');
UPDATE user SET id = 178 WHERE id = 61;
DELETE FROM user WHERE id = 62;
SELECT name FROM user WHERE id = 5;
INSERT INTO user (id, name) SELECT 400 + id, note FROM orders WHERE user_id = 4;
INSERT INTO user (id, name) VALUES (1 + 500, 'evaluated');
SET @sql = 'UPDATE user SET name = ''prepared'' WHERE id = 7';
PREPARE p FROM @sql;
EXECUTE p;
SET sql_select_limit = DEFAULT;
SELECT id, name FROM user WHERE id IN (5, 61, 62, 178);

-- case safe updates: what names its row, or a number of rows
SET sql_safe_updates = 1;
UPDATE user SET name = 'by key' WHERE id = 5;
UPDATE user SET name = 'some' WHERE score > 5 ORDER BY id LIMIT 3;
DELETE FROM user WHERE age = 30 ORDER BY id LIMIT 1;
DELETE FROM user WHERE id = 6;
UPDATE user SET id = 178 WHERE id = 61;
SELECT id, name FROM user ORDER BY id;

-- case safe updates: what goes by no key
SET sql_safe_updates = 1;
UPDATE user SET name = 'all' WHERE score > 5;
DELETE FROM user WHERE bio IS NULL;
UPDATE user SET name = 'all';
DELETE FROM user;
UPDATE user SET score = 0 WHERE id + 0 = 5;
SET sql_safe_updates = 0;
UPDATE user SET name = 'all' WHERE score > 5;

-- case safe updates: which index is the optimizer's choice
SET sql_safe_updates = 1;
-- refused 1101 0111 0011
UPDATE user SET score = 0 WHERE id IN (5, 6);
-- refused 1101 0111 0011
DELETE FROM user WHERE id < 3;
-- refused 1101 0111 0011
UPDATE user SET score = 0 WHERE name = 'zero';

-- case hints: a setting for one statement
-- only mysql
-- refused 1101 0111 0011
INSERT /*+ SET_VAR(auto_increment_increment=10) */ INTO user (name) VALUES ('a'), ('b');
-- refused 1101 0111 0011
UPDATE /*+ SET_VAR(time_zone='+05:00') */ user SET name = 'later' WHERE created > '2024-10-27 04:00:00';
-- refused 1101 0111 0011
INSERT /*+ SET_VAR(sql_mode='NO_AUTO_VALUE_ON_ZERO') */ IGNORE INTO user (id, name) VALUES (0, 'a');
UPDATE /*+ SET_VAR(optimizer_switch='index_merge=off') */ user SET name = 'same' WHERE age = 30;

-- case repeated hour: rows of a SELECT
-- only mysql
SET time_zone = 'Shunt/Repeated';
REPLACE INTO user (id, name, created) SELECT id, 'again', created FROM user WHERE id IN (62, 63);
INSERT INTO user (id, name, created) SELECT id + 300, name, created FROM user WHERE id IN (62, 63);
INSERT INTO user (id, name, created) VALUES (301, 'literal', '2024-10-27 02:30:00');

-- case select limit: of reads
SET sql_select_limit = 2;
-- ordered
SELECT id, name FROM user ORDER BY id;
-- ordered
SELECT id FROM user WHERE score > 5 ORDER BY score DESC, id;
SELECT COUNT(*), MAX(id), SUM(score) FROM user;
-- ordered
SELECT age, COUNT(*) FROM user GROUP BY age ORDER BY age;
-- ordered
SELECT id FROM user ORDER BY id LIMIT 5;
-- ordered
SELECT id FROM user WHERE id IN (SELECT user_id FROM orders) ORDER BY id;
-- ordered
SELECT id FROM user ORDER BY id FOR UPDATE;
INSERT INTO orders (user_id, amount) SELECT id, 1 FROM user WHERE id < 9;
UPDATE orders SET note = 'x' WHERE user_id IN (SELECT id FROM user WHERE age = 30);
