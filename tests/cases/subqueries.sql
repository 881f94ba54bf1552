-- Writes whose conditions read other tables.

-- case subquery: IN, NOT IN, EXISTS, scalar
UPDATE user SET age = 90 WHERE id IN (SELECT user_id FROM orders WHERE amount > 30);
UPDATE user SET age = 91 WHERE id NOT IN (SELECT user_id FROM orders) AND active = 1;
UPDATE user SET age = 92 WHERE EXISTS (SELECT 1 FROM orders o WHERE o.user_id = user.id AND o.note IS NULL) AND user.id < 20;
DELETE FROM user WHERE NOT EXISTS (SELECT 1 FROM orders WHERE orders.user_id = user.id) AND user.id > 40;
UPDATE user SET age = 93 WHERE id = (SELECT MAX(user_id) FROM orders WHERE amount < 12);
UPDATE user SET age = 94 WHERE id = (SELECT user_id FROM orders WHERE amount < 0);
UPDATE user SET age = 95 WHERE (id, score) IN (SELECT user_id, user_id * 1.25 FROM orders WHERE amount BETWEEN 10 AND 20);
UPDATE user SET age = 96 WHERE id > ALL (SELECT user_id - 20 FROM orders);
DELETE FROM user WHERE id IN (SELECT user_id FROM orders WHERE note = 'note1') OR score > 70;

-- case subquery: error of more than one row
UPDATE user SET age = 93 WHERE id = (SELECT user_id FROM orders);
DELETE FROM user WHERE id IN (SELECT user_id, amount FROM orders);
DELETE FROM user WHERE id IN (SELECT nothing FROM orders);
DELETE FROM user WHERE id IN (SELECT user_id FROM nothing);

-- case subquery: parameters
-- params 77, 20, 3
UPDATE user SET age = ? WHERE id IN (SELECT user_id FROM orders WHERE amount > ? AND id > ?) AND active = 1;
-- params 'note2', 2
DELETE FROM user WHERE id IN (SELECT user_id FROM orders WHERE note = ?) ORDER BY id DESC LIMIT ?;

-- case subquery: derived tables, groups, ORDER BY with LIMIT
UPDATE user SET age = 80 WHERE id IN (SELECT user_id FROM orders GROUP BY user_id HAVING SUM(amount) > 60) ORDER BY id LIMIT 4;
-- refused 0011
UPDATE user SET age = 81 WHERE id IN (SELECT user_id FROM (SELECT user_id FROM orders ORDER BY amount DESC, id LIMIT 5) AS top);
DELETE FROM user WHERE id IN (SELECT x.user_id FROM (SELECT user_id, COUNT(*) c FROM orders GROUP BY user_id) x WHERE x.c > 2);
UPDATE user SET age = 82 WHERE id IN (SELECT o.user_id FROM orders o JOIN orders p ON p.user_id = o.user_id AND p.id > o.id WHERE p.amount > 40);

-- case subquery: in SET and in WHERE
UPDATE user SET score = (SELECT COUNT(*) FROM orders WHERE orders.user_id = user.id) WHERE id < 10;
UPDATE user SET score = (SELECT SUM(amount) FROM orders WHERE orders.user_id = user.id) WHERE id IN (SELECT user_id FROM orders WHERE amount > 35);

-- case subquery: of the table itself
-- refused 0011
DELETE FROM user WHERE id IN (SELECT id FROM (SELECT id FROM user WHERE age > 30) AS old);
-- refused 0011
UPDATE user SET age = 70 WHERE score > (SELECT a FROM (SELECT AVG(score) a FROM user) AS whole) AND active = 1;
-- refused 0011
UPDATE user SET age = 71 WHERE id = (SELECT MAX(id) FROM user);
-- refused 0011
DELETE FROM user WHERE EXISTS (SELECT 1 FROM user other WHERE other.id = user.id + 1 AND other.active = 0);
-- refused 0011
UPDATE user SET age = (SELECT m FROM (SELECT MIN(age) m FROM user) AS least) WHERE id = 5;

-- case subquery: keys change
UPDATE user SET id = id + 1000 WHERE id = (SELECT MIN(user_id) FROM orders);
DELETE FROM user WHERE id = (SELECT MIN(user_id) + 1000 FROM orders);

-- case subquery: a condition that warns
SET sql_mode = '';
UPDATE user SET age = 60 WHERE name = (SELECT 0) AND id BETWEEN 18 AND 18;
SET sql_mode = DEFAULT;

-- case subquery: a condition that is an error in strict mode
-- params 18
UPDATE user SET age = 61 WHERE name = (SELECT MIN(amount) - 0.5 FROM orders) AND id BETWEEN 18 AND ?;

-- case subquery: in a transaction, with a snapshot and without
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;
START TRANSACTION;
SELECT COUNT(*) FROM orders;
UPDATE user SET age = 50 WHERE id IN (SELECT user_id FROM orders WHERE amount > 30);
DELETE FROM user WHERE id NOT IN (SELECT user_id FROM orders);
SELECT COUNT(*) FROM user;
COMMIT;
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
START TRANSACTION;
UPDATE user SET age = 51 WHERE id IN (SELECT user_id FROM orders WHERE amount > 30);
ROLLBACK;
START TRANSACTION;
UPDATE user SET age = 52 WHERE id IN (SELECT user_id FROM orders WHERE amount > 40);
COMMIT;

-- case subquery: refused
-- refused 1101 0111 0011
UPDATE user SET age = 1 WHERE id IN (SELECT user_id FROM orders UNION SELECT id FROM orders);
-- refused 1101 0111 0011
UPDATE user SET age = 1 WHERE id < 5 ORDER BY (SELECT MAX(id) FROM orders) LIMIT 1;
-- refused 1101 0111 0011
UPDATE user SET age = 1 WHERE id IN (SELECT user_id FROM orders WHERE SLEEP(0) = 1);

-- case subqueries: WITH before UPDATE and DELETE
-- only mysql
WITH c AS (SELECT user_id FROM orders WHERE amount > 40) DELETE FROM user WHERE id IN (SELECT user_id FROM c);
WITH c AS (SELECT user_id FROM orders WHERE amount > 30) DELETE FROM user WHERE id = 10 AND id IN (SELECT user_id FROM c);
WITH c AS (SELECT user_id, SUM(amount) s FROM orders GROUP BY user_id) UPDATE user u JOIN c ON c.user_id = u.id SET u.score = c.s WHERE c.s > 50;
WITH c (n) AS (SELECT user_id FROM orders WHERE id < 20), d AS (SELECT MAX(n) m FROM c) UPDATE user SET age = 77 WHERE id <= (SELECT m FROM d) AND age > 20;
-- params 20, 5
WITH c AS (SELECT user_id FROM orders WHERE amount > ?) UPDATE user SET name = 'cte' WHERE id IN (SELECT user_id FROM c) ORDER BY id LIMIT ?;
-- refused 0011
WITH c AS (SELECT user_id FROM orders ORDER BY amount, id LIMIT 3) DELETE FROM user WHERE id IN (SELECT user_id FROM c);
-- refused 1101 0111 0011
WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5) DELETE FROM user WHERE id IN (SELECT n FROM c);
-- refused 0011
WITH c AS (SELECT id FROM user WHERE age > 40) DELETE FROM user WHERE id IN (SELECT id FROM c);
WITH c AS (SELECT id FROM user WHERE age > 30) DELETE FROM orders WHERE user_id IN (SELECT id FROM c);
WITH c AS (SELECT nonsense FROM orders) DELETE FROM user WHERE id IN (SELECT * FROM c);
START TRANSACTION;
WITH c AS (SELECT user_id FROM orders WHERE amount > 10) DELETE FROM user WHERE id IN (SELECT user_id FROM c) AND age > 25;
SELECT ROW_COUNT();
COMMIT;

-- case subquery: in SET and DO
SET @n = (SELECT COUNT(*) FROM user);
SELECT @n;
SELECT ROW_COUNT(), @@warning_count;
SET @a = 5, @b = (SELECT name FROM user WHERE id = 5), @c := COALESCE((SELECT MAX(age) FROM user WHERE score > 1e9), @a, 7), @d = (SELECT born FROM user WHERE id = @a);
SELECT @a, @b, @c, @d;
SET @e = EXISTS (SELECT 1 FROM user WHERE name = @b), @f = @b IN (SELECT name FROM user WHERE age > 30);
SELECT @e, @f;
SET @g = (SELECT name FROM user ORDER BY id LIMIT 1 OFFSET 3), @h = (SELECT amount FROM orders JOIN user ON user.id = orders.user_id ORDER BY orders.id LIMIT 1);
SELECT @g, @h;
SET @i = ((SELECT MIN(id) FROM user) + (SELECT MAX(id) FROM user WHERE id < 20));
SELECT @i;
SET @n = (SELECT id FROM user);
SELECT @n;
SET @n = (SELECT nothing FROM user);
DO (SELECT COUNT(*) FROM user), (SELECT 1);
SELECT ROW_COUNT();
-- params 5
DO (SELECT name FROM user WHERE id = ?);
BEGIN;
UPDATE user SET age = 77 WHERE id = 5;
SET @n = (SELECT SUM(age) FROM user);
SELECT @n;
ROLLBACK;
SELECT @n;
-- refused 0111 0011
SET @n = (SELECT level FROM user WHERE name = 'name5');
-- refused 0111 0011
SET sql_select_limit = (SELECT COUNT(*) FROM user);
-- refused 0111 0011
SET @n = (SELECT COUNT(*) FROM user GROUP BY age ORDER BY age LIMIT 1);
