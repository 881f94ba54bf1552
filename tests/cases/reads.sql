Reads of the one table and joined with a table that stays.

-- case read: by key
SELECT * FROM user WHERE id = 5;
SELECT id, name, score FROM user WHERE id = 999;
-- params 12
SELECT * FROM user WHERE id = ?;
-- params '12'
SELECT * FROM user WHERE id = ?;
SELECT id, name FROM user WHERE id = 5 AND name = 'name5';
SELECT id FROM user WHERE id = 5 AND id = 6;

-- case read: several keys
SELECT * FROM user WHERE id IN (1, 2, 3, 11, 21, 999);
-- params 4, 14, 999
SELECT id, email FROM user WHERE id IN (?, ?, ?);
-- ordered
SELECT id, name FROM user WHERE id IN (31, 1, 21, 11) ORDER BY id DESC;

-- case read: all rows
SELECT * FROM user;
-- ordered
SELECT * FROM user ORDER BY id;
-- ordered
SELECT id, name FROM user ORDER BY name, id;
-- ordered
SELECT id, score FROM user ORDER BY score DESC;

-- case read: another predicate
SELECT id, name FROM user WHERE name = 'name3';
-- params 'name4'
SELECT * FROM user WHERE name = ?;
SELECT id FROM user WHERE email LIKE 'u1%';
SELECT id FROM user WHERE level = 'mid';
SELECT id FROM user WHERE level = 2;
SELECT id FROM user WHERE FIND_IN_SET('b', tags);
SELECT id FROM user WHERE born > '1982-01-01' AND age IS NOT NULL;
SELECT id FROM user WHERE id = '5' OR id = 6.0;

-- case read: limit
-- ordered
SELECT id, name FROM user ORDER BY id LIMIT 5;
-- ordered
SELECT id, name FROM user ORDER BY id DESC LIMIT 5 OFFSET 10;
-- ordered
SELECT id FROM user WHERE active = 1 ORDER BY score, id LIMIT 3, 4;
-- ordered
-- params 7
SELECT id FROM user ORDER BY id LIMIT ?;
-- count
SELECT id FROM user LIMIT 9;

-- case read: order by types that a union loses
-- ordered
SELECT id, level FROM user ORDER BY level, id;
-- ordered
SELECT id, tags FROM user ORDER BY tags, id;
-- refused 0111 0011
SELECT MAX(level), MIN(level) FROM user;

-- case read: aggregates
SELECT COUNT(*) FROM user;
SELECT COUNT(*), COUNT(age), SUM(score), MIN(id), MAX(id) FROM user;
SELECT AVG(score), AVG(age) FROM user WHERE active = 1;
SELECT COUNT(*) FROM user WHERE id = 5;
SELECT COUNT(*) FROM user WHERE name = 'nobody';
SELECT SUM(score) FROM user WHERE name = 'nobody';
SELECT COUNT(DISTINCT name) FROM user;

-- case read: group by, having, distinct
SELECT name, COUNT(*), SUM(score) FROM user GROUP BY name;
-- ordered
SELECT name, COUNT(*) c FROM user GROUP BY name ORDER BY name;
SELECT level, active, MAX(score) FROM user GROUP BY level, active;
SELECT name, COUNT(*) FROM user GROUP BY name HAVING COUNT(*) > 8;
SELECT DISTINCT name FROM user;
SELECT DISTINCT level, active FROM user WHERE id < 30;

-- case read: expressions and functions
SELECT id + 1, UPPER(name), score * 2, IFNULL(age, 0), LENGTH(bio) FROM user WHERE id = 8;
SELECT id, CASE WHEN age > 30 THEN 'old' ELSE 'young' END AS class FROM user WHERE id < 12;
SELECT active, raw, HEX(raw) FROM user WHERE id IN (3, 4, 7);

-- case read: names
SELECT u.id, u.name FROM user u WHERE u.id = 5;
SELECT u.* FROM user AS u WHERE u.id = 5;
SELECT user.id, user.name FROM user WHERE user.id = 5;
SELECT `user`.`id` FROM `user` WHERE `user`.`id` = 5;
SELECT * FROM shopdb.user WHERE id = 5;
SELECT shopdb.user.id FROM shopdb.user WHERE shopdb.user.id = 5;
SELECT id AS name, name AS id FROM user WHERE user.id = 5;

-- case read: joined with a table that stays
SELECT u.id, u.name, o.id, o.amount FROM user u JOIN orders o ON o.user_id = u.id WHERE u.id = 6;
-- ordered
SELECT u.id, u.name, o.id, o.amount FROM user u JOIN orders o ON o.user_id = u.id ORDER BY o.id;
SELECT u.name, SUM(o.amount) FROM user u JOIN orders o ON o.user_id = u.id GROUP BY u.name;
SELECT o.id, u.name FROM orders o LEFT JOIN user u ON u.id = o.user_id AND u.active = 1;
SELECT u.id, o.id FROM user u LEFT JOIN orders o ON o.user_id = u.id WHERE u.id < 5;
SELECT u.id FROM user u, orders o WHERE o.user_id = u.id AND o.note = 'note1';
-- params 10
SELECT u.name, o.note FROM orders o JOIN user u ON u.id = o.user_id WHERE u.id = ?;

-- case read: errors
SELECT nonsense FROM user;
SELECT * FROM user WHERE;
SELECT id FROM user GROUP BY nonsense;
SELECT * FROM user ORDER BY 99;

-- case read: locking, in a transaction
START TRANSACTION;
SELECT id, name FROM user WHERE id = 5 FOR UPDATE;
-- params 6
SELECT * FROM user WHERE id = ? FOR UPDATE;
SELECT id, name FROM user WHERE id IN (7, 17) LOCK IN SHARE MODE;
-- ordered
SELECT id FROM user WHERE name = 'name3' ORDER BY id FOR UPDATE;
COMMIT;

-- case read: locking, autocommit
SELECT id, name FROM user WHERE id = 5 FOR UPDATE;
SELECT id, name FROM user WHERE name = 'name2' LOCK IN SHARE MODE;

-- case read: for share
-- only mysql
SELECT id FROM user WHERE id = 5 FOR SHARE;
SELECT id FROM user WHERE id = 5 FOR UPDATE NOWAIT;
SELECT id FROM user WHERE id < 9 FOR UPDATE SKIP LOCKED;

-- case read: what concerns no table that moves
SELECT 1, 'user', "user";
SELECT * FROM orders WHERE id < 5;
-- ordered
SELECT id, amount AS user FROM orders ORDER BY id LIMIT 3;
