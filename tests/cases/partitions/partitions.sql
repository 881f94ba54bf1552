-- PARTITION clauses, where the shards have the table's partitions.

-- case partitions: reads
SELECT id, name FROM user PARTITION (low);
SELECT COUNT(*), MAX(age), MIN(id) FROM user PARTITION (mid, high) WHERE age > 20;
SELECT * FROM user PARTITION (low) WHERE id = 5;
SELECT * FROM user PARTITION (low) WHERE id = 25;
-- params 25
SELECT u.id, u.name FROM shopdb.user PARTITION (mid) AS u WHERE u.id = ?;
-- ordered
SELECT id, score FROM user PARTITION (mid, highsp0) FORCE INDEX (age) WHERE age > 19 ORDER BY score DESC LIMIT 7;
SELECT a.id, b.id FROM user PARTITION (low) a JOIN user PARTITION (mid) b ON a.id + 20 = b.id;
SELECT o.id, u.name FROM orders o LEFT JOIN user PARTITION (low) u ON u.id = o.user_id WHERE o.id < 40;
SELECT id FROM user WHERE id IN (SELECT id FROM user PARTITION (lowsp1));
SELECT shopdb.user.id FROM user PARTITION (low) WHERE shopdb.user.age > 25;
WITH c AS (SELECT id FROM user PARTITION (high)) SELECT COUNT(*) FROM c;
START TRANSACTION;
SELECT id FROM user PARTITION (low) WHERE age > 30 FOR UPDATE;
SELECT id FROM user PARTITION (low) WHERE id = 7 FOR UPDATE;
SELECT COUNT(*) FROM user PARTITION (mid) LOCK IN SHARE MODE;
COMMIT;

-- case partitions: INSERT
INSERT INTO user PARTITION (high) (name) VALUES ('new'), ('newer');
INSERT INTO user PARTITION (low, high) (id, name) VALUES (1000, 'a'), (1001, 'b');
INSERT INTO user PARTITION (low) (id, name) VALUES (1002, 'a');
INSERT INTO user PARTITION (low, mid) (id, name) VALUES (1002, 'a'), (1003, 'b');
INSERT INTO user PARTITION (low) SET id = 3, name = 'there';
-- params 1004, 'p'
INSERT INTO user PARTITION (high) (id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name = 'again';
INSERT INTO user PARTITION (low) (id, name) VALUES (4, 'x') ON DUPLICATE KEY UPDATE name = CONCAT(user.name, '!');
INSERT INTO user PARTITION (high) VALUES ();
REPLACE INTO user PARTITION (low) (id, name) VALUES (5, 'replaced');
INSERT INTO user PARTITION (high) (id, name) SELECT id + 2000, note FROM orders WHERE id < 5;
INSERT INTO user PARTITION (low) (id, name) SELECT id + 3000, 'x' FROM orders WHERE id < 5;
INSERT IGNORE INTO user PARTITION (low) (id, name) VALUES (6, 'ignored');

-- case partitions: UPDATE and DELETE
UPDATE user PARTITION (low) SET age = 50 WHERE age > 20;
UPDATE user PARTITION (low) SET age = 51 WHERE id = 5;
UPDATE user PARTITION (low) SET age = 52 WHERE id = 35;
UPDATE user PARTITION (mid) SET age = 53 ORDER BY id DESC LIMIT 4;
UPDATE user PARTITION (mid) SET shopdb.user.age = 54 WHERE shopdb.user.name = 'name3';
-- params 55, 30
UPDATE user PARTITION (low, mid) u SET u.age = ? WHERE u.id > ?;
UPDATE user PARTITION (low) SET id = 19 WHERE id = 19;
UPDATE user PARTITION (low) SET id = 200 WHERE id = 18;
UPDATE user PARTITION (low, high) SET id = 201 WHERE id = 17;
UPDATE user PARTITION (low) u JOIN orders o ON o.user_id = u.id SET u.score = o.amount WHERE o.id < 9;
UPDATE orders SET amount = (SELECT MAX(score) FROM user PARTITION (low)) WHERE id = 3;
DELETE FROM user PARTITION (high) WHERE age > 30;
DELETE FROM user PARTITION (low) WHERE id = 2;
DELETE FROM user PARTITION (low) WHERE id = 32;
DELETE FROM user PARTITION (mid) ORDER BY age, id LIMIT 2;
DELETE u FROM user PARTITION (low) u JOIN orders o ON o.user_id = u.id WHERE o.id > 85;
DELETE a, b FROM user PARTITION (low) a JOIN user PARTITION (mid) b ON b.id = a.id + 20 WHERE a.age > 28;
DELETE FROM user PARTITION (mid);

-- case partitions: under LOCK TABLES
LOCK TABLES user u WRITE, user WRITE;
UPDATE user PARTITION (low) SET age = 50 WHERE age > 20;
UPDATE user PARTITION (low) u SET u.age = 51 WHERE u.age > 20;
SELECT u.id FROM user PARTITION (low) u WHERE u.age > 20;
INSERT INTO user PARTITION (high) (id, name) VALUES (1000, 'a');
DELETE FROM user PARTITION (high) WHERE id > 50;
UNLOCK TABLES;
