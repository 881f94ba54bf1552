-- INSERT … SELECT and REPLACE … SELECT.

-- case insert select: given ids
INSERT INTO user (id, name, age) SELECT 1000 + id, note, user_id FROM orders WHERE note IS NOT NULL ORDER BY id LIMIT 20;
SELECT LAST_INSERT_ID();
INSERT INTO user (id, name) SELECT 2000 + id, CONCAT('n', amount) FROM orders WHERE amount > 44;
SELECT ROW_COUNT();
INSERT INTO user (id, name) SELECT 3000 + user_id, 'one' FROM orders WHERE id = 7;
INSERT INTO user (id, name) SELECT 3000 + user_id, 'none' FROM orders WHERE id < 0;
INSERT INTO user (id, name) (SELECT 3100 + MAX(user_id), 'max' FROM orders);
INSERT INTO user (id, name) SELECT 3200, 'no table';
INSERT INTO user (id, name) SELECT 3201, 'dual' FROM DUAL;

-- The servers reserve ids for INSERT … SELECT in powers of two, so that those of the next INSERT are higher than Shunt's.
-- case insert select: generated ids
INSERT INTO user (name) SELECT note FROM orders WHERE note IS NOT NULL ORDER BY id LIMIT 5;
SELECT LAST_INSERT_ID();
SELECT id, name FROM user WHERE id > 60 ORDER BY id;
INSERT INTO user (name) SELECT note FROM orders WHERE id = -1;
SELECT LAST_INSERT_ID();

-- case insert select: generated ids for NULL
INSERT INTO user (name, id) SELECT note, NULL FROM orders WHERE note IS NOT NULL ORDER BY id LIMIT 5;
SELECT LAST_INSERT_ID();

-- case insert select: a generated id for 0
INSERT INTO user (name, id) SELECT 'zero', 0;
SELECT LAST_INSERT_ID();

-- case insert select: errors
INSERT INTO user (id, name) SELECT user_id, 'there already' FROM orders;
INSERT INTO user (id, name) SELECT 4000 + id, note FROM orders;
INSERT INTO user (id, name) SELECT user_id FROM orders;
INSERT INTO user (id, nothing) SELECT 4000, 5;
INSERT INTO user (id, name) SELECT 4000, nothing FROM orders;
INSERT INTO user (id, name) SELECT 4000, note FROM nothing;
INSERT INTO user (id, age) SELECT 4000, 300;
INSERT INTO user (id, age) SELECT 4000, 'old';
INSERT INTO user (id, age) SELECT 4000, (SELECT user_id FROM orders);

-- case insert select: IGNORE, REPLACE, ON DUPLICATE KEY UPDATE
INSERT IGNORE INTO user (id, name) SELECT 45 + 15 * id, 'maybe' FROM orders WHERE id < 5 ORDER BY id;
INSERT IGNORE INTO user (id, name) SELECT 5, 'there';
INSERT IGNORE INTO user (id, name) SELECT 5000, 'not there';
REPLACE INTO user (id, name) SELECT user_id, 'replaced' FROM orders WHERE user_id > 50 ORDER BY id;
REPLACE INTO user (id, name) SELECT 6, 'replaced';
REPLACE INTO user (id, name) SELECT 5001, 'new';
INSERT INTO user (id, age) SELECT user_id, COUNT(*) FROM orders GROUP BY user_id ORDER BY user_id ON DUPLICATE KEY UPDATE age = VALUES(age);
INSERT INTO user (id, age) SELECT 7, 70 FROM DUAL ON DUPLICATE KEY UPDATE age = age + VALUES(age);
INSERT INTO user (id, age) SELECT 8 + 0 * user_id, 70 FROM orders WHERE id = 5 ON DUPLICATE KEY UPDATE age = user.age + 1;
INSERT INTO user (id, age) SELECT user_id, 70 FROM orders WHERE id < 5 ON DUPLICATE KEY UPDATE age = 71, name = 'changed';
INSERT INTO user (id, age) SELECT 50 + 5 * id, 70 FROM orders WHERE id < 5 ORDER BY id ON DUPLICATE KEY UPDATE age = VALUES(age) + 2;
INSERT INTO user (id, age) SELECT 8100 + id, 70 FROM orders WHERE id < 5 ORDER BY id ON DUPLICATE KEY UPDATE age = VALUES(age) + 2;
SELECT LAST_INSERT_ID();
INSERT INTO user (id, age) SELECT user_id, COUNT(*) FROM orders GROUP BY user_id ORDER BY user_id ON DUPLICATE KEY UPDATE age = age + VALUES(age), name = CONCAT(name, '!');
INSERT INTO user (id, age) SELECT 8, 70 FROM orders WHERE id = 1 ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(user.id), age = 33;
SELECT LAST_INSERT_ID();

-- case insert select: joins, groups, derived tables, common table expressions
INSERT INTO user (id, name, score) SELECT 6000 + o.user_id, CONCAT('sum', COUNT(*)), SUM(o.amount) FROM orders o JOIN orders p ON p.id = o.id WHERE o.id > 10 GROUP BY o.user_id HAVING SUM(o.amount) > 60;
INSERT INTO user (id, score) SELECT 6500 + d.user_id, d.m FROM (SELECT user_id, MAX(amount) m FROM orders GROUP BY user_id) d WHERE d.m > 40;
INSERT INTO user (id, score) WITH big AS (SELECT user_id, amount FROM orders WHERE amount > 40) SELECT 7000 + user_id, MIN(amount) FROM big GROUP BY user_id;
INSERT INTO user (id, name) SELECT DISTINCT 7500 + user_id, 'distinct' FROM orders WHERE amount < 20;
INSERT INTO user (id, name) SELECT 8000 + id, note FROM orders WHERE note IN (SELECT note FROM orders WHERE id < 3) AND amount BETWEEN 5 AND 15;
INSERT INTO user (id, score) SELECT 8500 + id, ROW_NUMBER() OVER (ORDER BY id) FROM orders WHERE amount > 40;

-- case insert select: from the table itself
INSERT INTO user (id, name, age) SELECT id + 1000, name, age FROM user WHERE id = 5;
INSERT INTO user (id, name, age) SELECT id + 1000, name, age FROM user WHERE age > 30;
INSERT INTO user (name, email) SELECT name, email FROM user WHERE id BETWEEN 10 AND 20 ORDER BY id;
INSERT INTO user (id, name) SELECT 3000 + COUNT(*), 'count' FROM user;
INSERT INTO user (id, age) SELECT id, age + 1 FROM user WHERE id < 10 ON DUPLICATE KEY UPDATE age = VALUES(age);
INSERT INTO user (id, name) SELECT u.id + 5000, o.note FROM user u JOIN orders o ON o.user_id = u.id WHERE o.note IS NOT NULL AND o.amount > 30;

-- case insert select: into another table
INSERT INTO orders (id, user_id, amount, note) SELECT 1000 + id, id, score, name FROM user WHERE id = 5;
INSERT INTO orders (user_id, amount, note) SELECT id, score, name FROM user WHERE age > 40 ORDER BY id;
SELECT LAST_INSERT_ID();
REPLACE INTO orders (id, user_id, amount) SELECT id, id, 5 FROM user WHERE id < 4;
INSERT INTO orders (id, user_id, amount) SELECT id, id, 5 FROM user WHERE id < 4 ON DUPLICATE KEY UPDATE amount = VALUES(amount) + 1;
INSERT INTO orders (user_id, amount) SELECT COUNT(*), SUM(score) FROM user WHERE active = 1;
INSERT INTO orders (id, user_id, amount) SELECT 5, id, 5 FROM user;
-- refused 0011
INSERT INTO orders (user_id, amount, note) SELECT id, score, level FROM user WHERE age > 40 ORDER BY id;

-- case insert select: types
INSERT INTO user (id, name, email, age, score, active, bio, born, seen, ratio, joined) SELECT 9000 + id, name, email, age, score, active, bio, born, seen, ratio, joined FROM user WHERE id BETWEEN 1 AND 60 ORDER BY id;
INSERT INTO user (id, raw) SELECT 9100 + id, raw FROM user WHERE id < 10;
INSERT INTO user (id, created) SELECT 9200, '2024-05-06 07:08:09';
INSERT INTO user (id, name) SELECT 9201, 12.50;
INSERT INTO user (id, name) SELECT 9202, -7;
INSERT INTO user (id, score, ratio) SELECT 9203, -7, -7.25e-3;
INSERT INTO user (id, name) SELECT 9204, 'it''s \\ "quoted" 日本 😀';
INSERT INTO user (id, name) SELECT 9205, CONCAT(note, '…') FROM orders WHERE id = 1;
INSERT INTO user (id, level, tags) SELECT 9206, 'mid', 'a,c';
INSERT INTO user (id, level, tags) SELECT 9207, 2, 5;
INSERT INTO user (id, born) SELECT 9208, DATE '2024-02-29';
INSERT INTO user (id, seen) SELECT 9209, TIMESTAMP '2024-02-29 10:11:12.125';
INSERT INTO user (id, name) SELECT 9210, DATE '2024-02-29';
INSERT INTO user (id, raw) SELECT 9211, x'00FF27';

-- case insert select: prepared
-- params 20, 'bound', 40
INSERT INTO user (id, name) SELECT ? * 1000 + id, ? FROM orders WHERE amount > ?;
-- params 'bound', 44
INSERT INTO user (name) SELECT ? FROM orders WHERE amount > ?;
-- params 9
INSERT INTO orders (user_id, amount) SELECT id, 1 FROM user WHERE id = ?;

-- case insert select: in a transaction
START TRANSACTION;
INSERT INTO user (name) SELECT note FROM orders WHERE id < 6 AND note IS NOT NULL;
INSERT INTO user (id, name) SELECT user_id, 'there already' FROM orders;
INSERT INTO user (id, name) SELECT 500, name FROM user WHERE id = 61;
INSERT INTO orders (user_id, amount) SELECT id, 1 FROM user WHERE id = 500;
SELECT COUNT(*) FROM user;
ROLLBACK;
SELECT COUNT(*) FROM user;
START TRANSACTION;
INSERT INTO user (id, name) SELECT 501, name FROM user WHERE id = 6;
COMMIT;

-- case insert select: refused
-- refused 1101 0111 0011
INSERT INTO user (id, name) SELECT 1, 'a' UNION SELECT 2, 'b';
-- refused 1101 0111 0011
INSERT INTO user (id, age) SELECT id, user_id FROM orders ON DUPLICATE KEY UPDATE age = user_id;
-- refused 1101 0111 0011
INSERT INTO user (id, name) SELECT id, note FROM orders LIMIT 50000;
