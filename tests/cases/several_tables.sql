-- UPDATE and DELETE of a list of tables.

-- case several: UPDATE with a join
UPDATE user JOIN orders ON orders.user_id = user.id SET user.age = 90 WHERE orders.amount > 30;
UPDATE user u INNER JOIN orders o ON o.user_id = u.id SET u.score = o.amount, u.age = 91 WHERE o.id = 7;
UPDATE user, orders SET user.age = 92 WHERE user.id = orders.user_id AND orders.note = 'note1';
UPDATE user u, (SELECT user_id, SUM(amount) s FROM orders GROUP BY user_id) v SET u.score = v.s WHERE u.id = v.user_id;
UPDATE orders o JOIN user u ON u.id = o.user_id SET u.age = 93 WHERE o.id < 4;
UPDATE user u LEFT JOIN orders o ON o.user_id = u.id SET u.age = 94 WHERE o.id IS NULL AND u.id > 50;
UPDATE orders o LEFT JOIN user u ON u.id = o.user_id + 30 SET u.age = 95 WHERE o.amount > 5;
UPDATE user u JOIN orders o ON o.user_id = u.id SET u.age = 96 WHERE o.amount > 1000;
UPDATE user u JOIN orders o ON o.user_id = u.id SET age = 97, name = 'joined' WHERE amount = 3;

-- case several: UPDATE of what is as it was
UPDATE user u JOIN orders o ON o.user_id = u.id SET u.active = u.active WHERE o.amount > 30;

-- case several: parameters
-- params 7, 'note2', 5
update `user` inner join `orders` on `user`.`id` = `orders`.`user_id` set `user`.`age` = ? where `orders`.`note` = ? and `orders`.`amount` > ?;
-- params 5
delete `user` from `user` where `id` = ?;
-- params 40
delete `user` from `user` inner join `orders` on `orders`.`user_id` = `user`.`id` where `orders`.`amount` > ?;

-- case several: DELETE with a join
DELETE user FROM user LEFT OUTER JOIN orders ON orders.user_id = user.id WHERE orders.id IS NULL AND user.id > 40;
DELETE u FROM user AS u JOIN orders AS o ON o.user_id = u.id WHERE o.note = 'note1';
DELETE FROM u USING user AS u INNER JOIN orders AS o ON u.id = o.user_id WHERE o.amount < 4;
DELETE shopdb.user FROM shopdb.user JOIN orders o ON o.user_id = shopdb.user.id WHERE o.id = 20 AND shopdb.user.age > 0;
DELETE user.* FROM user, orders WHERE user.id = orders.user_id AND orders.amount > 44;
DELETE IGNORE user FROM user JOIN orders ON orders.user_id = user.id WHERE orders.amount > 43;
DELETE LOW_PRIORITY QUICK user FROM user WHERE id > 55;
DELETE user FROM user WHERE age > 40;
DELETE user FROM user WHERE id = 3;

-- case several: other tables are written, too
DELETE user, o FROM user JOIN orders o ON o.user_id = user.id WHERE user.id = 4;
-- refused 0011
DELETE user, o FROM user JOIN orders o ON o.user_id = user.id WHERE o.amount > 40;
-- refused 0011
DELETE user, orders FROM user RIGHT JOIN orders ON orders.user_id = user.id AND user.active = 1 WHERE orders.id < 10;
-- refused 0011
UPDATE user JOIN orders o ON o.user_id = user.id SET user.age = 88, o.note = 'x' WHERE o.amount > 20;
-- refused 0011
UPDATE orders o LEFT JOIN user u ON u.id = o.user_id AND u.active = 1 SET o.note = 'y', u.age = 89 WHERE o.id > 30;
UPDATE user JOIN orders o ON o.user_id = user.id SET user.age = 87, o.note = 'z' WHERE user.id = 6;

-- case several: only other tables are written
UPDATE orders o JOIN user u ON u.id = o.user_id SET o.note = u.name WHERE u.active = 0;
DELETE o FROM orders o LEFT JOIN user u ON u.id = o.user_id WHERE u.id > 30;

-- case several: the table twice
-- refused 0011
UPDATE user a JOIN user b ON a.id = b.id + 1 SET a.age = b.age WHERE b.age > 30;
-- refused 0011
DELETE a FROM user a JOIN user b ON a.name = b.name AND a.id > b.id;
DELETE a, b FROM user a JOIN user b ON a.id = b.id + 1 WHERE a.id < 20;

-- case several: DELETE of two references
DELETE a, b FROM user a JOIN user b ON a.id = b.id + 1 WHERE b.age < 25;
DELETE a.*, b.* FROM user a, user b WHERE a.id + 7 = b.id AND a.id > 30;
-- params 3, 40
DELETE FROM a, b USING user a JOIN user b ON a.name = b.name AND a.id + 7 = b.id WHERE a.score > ? AND b.id < ?;
DELETE a, b FROM user a JOIN user b ON b.id = a.id + 30 JOIN orders o ON o.user_id = a.id WHERE o.amount > 3;
DELETE a, b FROM user a JOIN user b ON b.id = a.id WHERE a.id IN (7, 8, 9);
DELETE a, b FROM user a JOIN user b ON b.id = a.id + 1 WHERE a.id = 55 AND b.id = 56;
DELETE a, b FROM user a JOIN user b ON b.id = a.id + 1 WHERE a.id = 1000;
DELETE IGNORE a, b FROM user a JOIN user b ON b.id = a.id + 2 WHERE a.age = 30;
DELETE a, user FROM user JOIN user a ON a.id = user.id + 5 WHERE shopdb.user.age = 32;
DELETE a, b FROM user a JOIN user b USING (name) WHERE a.id IN (SELECT user_id FROM orders WHERE amount > 40);
-- refused 0011
DELETE a, b FROM user a LEFT JOIN user b ON b.id = a.id + 40 WHERE a.age > 40;
-- refused 0011
DELETE a, b, o FROM user a JOIN user b ON b.id = a.id + 3 JOIN orders o ON o.user_id = a.id;
-- refused 0011
DELETE a, b FROM user a RIGHT JOIN user b ON a.id = b.id + 1 AND a.active = 1 WHERE b.id > 45;
-- refused 0011
DELETE a, a FROM user a JOIN user b ON b.id = a.id;
DELETE a, b FROM user a JOIN user b ON b.id = a.id + 1 WHERE a.nonsense = 1;
-- refused 1101 0111 0011
UPDATE user a JOIN user b ON b.id = a.id + 1 SET a.age = 1, b.age = 2;
-- refused 0011
DELETE a, b FROM user a JOIN user b ON b.id = a.id + 1 WHERE a.name > 5;

-- case several: DELETE of two references in a transaction
START TRANSACTION;
DELETE a, b FROM user a JOIN user b ON a.id = b.id + 1 WHERE b.age < 25;
SELECT COUNT(*) FROM user;
SELECT ROW_COUNT();
DELETE a, b FROM user a JOIN user b ON a.id = b.id + 1 WHERE b.age < 30;
ROLLBACK;
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
DELETE a, b FROM user a JOIN user b ON a.id = b.id + 1 WHERE b.age < 25;
SELECT ROW_COUNT();

-- case several: DELETE of two references under LOCK TABLES
LOCK TABLES user a WRITE, user b WRITE;
-- refused 0011
DELETE a, b FROM user a JOIN user b ON a.id = b.id + 1 WHERE b.age < 25;
UNLOCK TABLES;

-- case several: keys change
UPDATE user u JOIN orders o ON o.user_id = u.id SET u.id = u.id + 1000 WHERE o.id = 7;
-- refused 1101 0111 0011
UPDATE user u JOIN orders o ON o.user_id = u.id SET u.id = o.id + 1000 WHERE o.id = 8;

-- case several: errors are the server's
UPDATE user u JOIN orders o ON o.user_id = u.id SET u.age = 300 WHERE o.id = 7;
UPDATE user u JOIN orders o ON o.user_id = u.id SET u.nonsense = 1;
UPDATE user u JOIN orders o ON o.user_id = u.nonsense SET u.age = 1;
DELETE x FROM user u JOIN orders o ON o.user_id = u.id;
UPDATE IGNORE user u JOIN orders o ON o.user_id = u.id SET u.age = 300 WHERE o.id = 7;

-- case several: in a transaction
START TRANSACTION;
SELECT COUNT(*) FROM user;
UPDATE user JOIN orders ON orders.user_id = user.id SET user.age = 90 WHERE orders.amount > 30;
DELETE user FROM user JOIN orders ON orders.user_id = user.id WHERE orders.amount > 40;
SELECT COUNT(*) FROM user;
COMMIT;
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
START TRANSACTION;
UPDATE user JOIN orders ON orders.user_id = user.id SET user.age = 91 WHERE orders.amount > 20;
ROLLBACK;

-- case several: ORDER BY and LIMIT
-- refused 1101 0111 0011
DELETE user FROM user WHERE age > 20 LIMIT 5;
-- refused 1101 0111 0011
UPDATE user u JOIN orders o ON o.user_id = u.id SET u.age = 1 ORDER BY u.id LIMIT 3;

-- case several: under LOCK TABLES
LOCK TABLES user WRITE, orders READ;
-- refused 0011
UPDATE user JOIN orders ON orders.user_id = user.id SET user.age = 90 WHERE orders.amount > 30;
UNLOCK TABLES;

-- case index hints in a write
UPDATE user FORCE INDEX (name) SET age = 60 WHERE name = 'name3';
UPDATE user USE INDEX (age) SET age = 61 WHERE age > 40 ORDER BY id LIMIT 3;

-- case several tables: writes to another table that read it
UPDATE orders SET note = (SELECT MAX(name) FROM user WHERE user.id = orders.user_id) WHERE id < 20;
UPDATE orders SET amount = amount + 1 WHERE user_id IN (SELECT id FROM user WHERE active = 1) ORDER BY id LIMIT 5;
UPDATE orders o JOIN user u ON u.id = o.user_id SET o.note = 'same' WHERE u.id = 8;
UPDATE orders o LEFT JOIN user u ON u.id = o.user_id AND u.age > 30 SET o.note = 'none' WHERE u.id IS NULL;
DELETE FROM orders WHERE NOT EXISTS (SELECT 1 FROM user WHERE user.id = orders.user_id AND user.score > 20);
INSERT INTO orders (id, user_id, amount) VALUES (700, (SELECT MIN(id) FROM user WHERE age > 30), 1), (701, 5, (SELECT SUM(score) FROM user));
INSERT INTO orders SET id = 702, user_id = (SELECT COUNT(*) FROM user), amount = 1;
REPLACE INTO orders (id, user_id, amount) VALUES (700, (SELECT MAX(id) FROM user), 1);
-- params 8, 'bound'
UPDATE orders o JOIN user u ON u.id = o.user_id SET o.note = 'p' WHERE u.id = ? AND o.note <> ?;
UPDATE orders SET amount = (SELECT score FROM user);
START TRANSACTION;
UPDATE orders SET note = (SELECT COUNT(*) FROM user WHERE age > 20) WHERE id < 5;
DELETE FROM user WHERE id < 10;
DELETE FROM orders WHERE user_id NOT IN (SELECT id FROM user);
ROLLBACK;
