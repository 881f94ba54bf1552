The table named several times in one statement, and beside others.

-- case references: self-join
-- ordered
SELECT a.id, b.id FROM user a JOIN user b ON b.id = a.id + 1 WHERE a.id < 9 ORDER BY a.id;
SELECT a.id, b.name FROM user a JOIN user b ON a.id = b.id WHERE a.id = 5;
SELECT a.id, b.name FROM user a JOIN user b USING (id) WHERE a.id IN (5, 15, 25);
SELECT a.id, b.id FROM user a, user b WHERE a.id = 5 AND b.id = 16;
SELECT a.id, b.id FROM user a LEFT JOIN user b ON b.id = a.id AND b.age > 30 WHERE a.id < 20;
SELECT a.id, b.id FROM user a LEFT JOIN user b ON b.id = a.id + 50 WHERE b.id IS NULL;
SELECT a.id, b.id FROM user a RIGHT JOIN user b ON a.id = b.id - 1 AND a.active = 1 WHERE b.id < 9;
SELECT COUNT(*), SUM(a.score + b.score) FROM user a CROSS JOIN user b;
-- refused 0111 0011
SELECT a.id FROM user a NATURAL JOIN user b WHERE a.id = 3;
-- params 7, 12
SELECT a.name, b.name FROM user a JOIN user b ON b.id = ? WHERE a.id = ?;
-- params 'name3', 7
SELECT a.id, b.id FROM user a JOIN user b ON b.name = a.name AND b.id < a.id WHERE a.name = ? AND b.id > ?;

-- case references: outer joins and conditions on what may be missing
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id AND u.name = 'name2' WHERE o.id < 30;
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id WHERE u.name = 'name2';
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id AND u.age > 30 WHERE u.id IS NULL AND o.id < 40;
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id AND u.age > 30 WHERE IFNULL(u.active, 1) = 1;
SELECT u.id, o.id FROM user u LEFT JOIN orders o ON o.user_id = u.id AND u.active = 1 WHERE u.id < 12;
SELECT u.id, o.id FROM user u RIGHT JOIN orders o ON o.user_id = u.id AND u.active = 1 WHERE o.id < 12;
SELECT u.id, o.id FROM orders o RIGHT JOIN user u ON o.user_id = u.id AND o.amount > 5 WHERE u.age > 40;
SELECT a.id, u.id, b.id FROM orders a LEFT JOIN (user u JOIN orders b ON b.user_id = u.id AND u.name LIKE 'name1%') ON a.user_id = u.id WHERE a.id < 20;
SELECT a.id, u.id, b.id FROM orders a LEFT JOIN user u ON u.id = a.user_id LEFT JOIN orders b ON b.id = u.id WHERE a.id < 20 AND (u.age < 40 OR b.id IS NULL);
SELECT a.id, u.id FROM orders a LEFT JOIN user u ON u.id = a.user_id AND u.id = 6 WHERE a.id < 20;
SELECT a.id, u.id FROM orders a LEFT JOIN user u ON u.id = a.user_id WHERE u.id = 6;
SELECT a.id, u.id FROM orders a LEFT JOIN user u ON u.id = a.user_id AND u.id <> 6 WHERE u.id IS NULL;
-- params 'name2', 40
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id AND u.name = ? WHERE o.id < ?;
-- params 'name2'
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id WHERE u.name = ?;
-- params NULL
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id WHERE u.name <=> ?;
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id AND u.level = 'mid' WHERE o.id < 20;
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id WHERE u.level = 2;

-- case references: subqueries
SELECT id, name FROM user WHERE score > (SELECT AVG(score) FROM user);
SELECT id FROM user WHERE id IN (SELECT user_id FROM orders WHERE amount > 20);
SELECT id FROM user WHERE id NOT IN (SELECT user_id FROM orders);
SELECT id FROM user WHERE id IN (SELECT id + 1 FROM user WHERE age > 40);
SELECT o.id FROM orders o WHERE o.user_id IN (SELECT id FROM user WHERE name = 'name2');
SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM user u WHERE u.id = o.user_id AND u.age > 30);
SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT * FROM user u WHERE u.id = o.user_id AND u.age > 30);
SELECT o.id, (SELECT u.name FROM user u WHERE u.id = o.user_id) FROM orders o WHERE o.id < 10;
SELECT o.id, (SELECT COUNT(*) FROM user u WHERE u.id < o.user_id) FROM orders o WHERE o.id < 10;
SELECT u.id, (SELECT COUNT(*) FROM orders o WHERE o.user_id = u.id) AS n FROM user u WHERE u.id < 10;
SELECT u.id, (SELECT MAX(v.id) FROM user v WHERE v.name = u.name) AS m FROM user u WHERE u.id < 10;
SELECT u.id, (SELECT v.id FROM user v WHERE v.name = u.name ORDER BY v.id DESC LIMIT 1) AS m FROM user u WHERE u.id < 10;
SELECT id FROM user WHERE score >= ALL (SELECT score FROM user);
SELECT id FROM user WHERE (name, active) IN (SELECT name, 1 - active FROM user WHERE id = 9);
SELECT (SELECT COUNT(*) FROM user), (SELECT COUNT(*) FROM orders), (SELECT name FROM user WHERE id = 5);
SELECT o.id, (SELECT u.name FROM user u WHERE u.age > 20) FROM orders o WHERE o.id < 3;
-- params 7
SELECT ? FROM user u WHERE u.age IN (SELECT v.age FROM user v WHERE v.name = u.name);
SELECT id FROM user u WHERE u.age IN (SELECT v.age FROM user v WHERE v.name = u.name AND v.id > u.id);
-- params 30, 9
SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM user u WHERE u.id = o.user_id AND u.age > ?) AND o.id < ?;
-- params 'name4', 5
SELECT (SELECT COUNT(*) FROM user WHERE name = ?), name FROM user WHERE id = ?;

-- case references: derived tables
SELECT d.name, d.n FROM (SELECT name, COUNT(*) AS n FROM user GROUP BY name) AS d WHERE d.n > 8;
SELECT d.id, o.amount FROM (SELECT id FROM user WHERE age > 35) d JOIN orders o ON o.user_id = d.id;
-- ordered
SELECT d.id FROM (SELECT id, score FROM user ORDER BY score DESC LIMIT 7) d ORDER BY d.id;
SELECT a.name, b.c FROM user a JOIN (SELECT name, COUNT(*) c FROM user GROUP BY name) b ON a.name = b.name WHERE a.id < 6;
SELECT COUNT(*) FROM (SELECT * FROM user) AS all_of_them;
SELECT * FROM (SELECT id, level FROM user WHERE id < 9) d;
SELECT d.i FROM (SELECT id, name FROM user WHERE id < 9) d (i, n) WHERE d.n = 'name3';
-- refused 0111 0011
SELECT MAX(d.l) FROM (SELECT id, level FROM user) d (i, l);

-- case references: common table expressions
WITH a AS (SELECT id, name FROM user WHERE age > 30) SELECT a.id, o.amount FROM a JOIN orders o ON o.user_id = a.id;
WITH a AS (SELECT * FROM user WHERE id < 30), b AS (SELECT name, COUNT(*) AS n FROM a GROUP BY name) SELECT * FROM b;
WITH user AS (SELECT id FROM user WHERE id < 9) SELECT COUNT(*), SUM(id) FROM user;
WITH user AS (SELECT 1 AS id) SELECT id FROM user;
WITH u AS (SELECT * FROM user) SELECT x.id FROM u x JOIN u y ON y.id = x.id + 1 WHERE x.id < 5;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8) SELECT n.i, u.name FROM n LEFT JOIN user u ON u.id = n.i * 9;
WITH RECURSIVE chain AS (SELECT id, 0 AS depth FROM user WHERE id = 3 UNION ALL SELECT u.id, c.depth + 1 FROM chain c JOIN user u ON u.id = c.id + 7 WHERE c.depth < 4) SELECT * FROM chain;
-- params 3, 4
WITH RECURSIVE chain AS (SELECT id, 0 AS depth FROM user WHERE id = ? UNION ALL SELECT u.id, c.depth + 1 FROM chain c JOIN user u ON u.id = c.id + 7 WHERE c.depth < ?) SELECT id FROM chain;

-- case references: set operations
SELECT id FROM user WHERE id < 5 UNION SELECT id FROM user WHERE id BETWEEN 3 AND 8;
SELECT id, name FROM user WHERE age > 40 UNION ALL SELECT id, note FROM orders WHERE id < 5;
-- ordered
(SELECT id FROM user ORDER BY id LIMIT 3) UNION ALL (SELECT id FROM user ORDER BY id DESC LIMIT 3) ORDER BY id;
-- ordered
SELECT id FROM user WHERE age > 40 UNION SELECT user_id FROM orders ORDER BY 1 DESC LIMIT 5;
SELECT id FROM user INTERSECT SELECT user_id FROM orders;
SELECT id FROM user EXCEPT SELECT user_id FROM orders;
SELECT level FROM user UNION SELECT name FROM user;
-- params 3, 60
SELECT id FROM user WHERE id < ? UNION SELECT id FROM user WHERE id >= ?;

-- case references: window functions
-- ordered
SELECT id, ROW_NUMBER() OVER (ORDER BY score DESC, id) AS r FROM user WHERE id < 12 ORDER BY r;
-- ordered
SELECT id, name, RANK() OVER (PARTITION BY name ORDER BY score) AS r, SUM(score) OVER (PARTITION BY name) AS s FROM user ORDER BY id;
-- ordered
SELECT id, LAG(id) OVER w, LEAD(name) OVER w FROM user WINDOW w AS (ORDER BY id) ORDER BY id;

-- case references: names
SELECT shopdb.user.id, o.id FROM shopdb.user JOIN orders o ON o.user_id = shopdb.user.id WHERE shopdb.user.id < 9;
SELECT CONCAT('a', shopdb.user.name), shopdb.user.id + 1 FROM shopdb.user WHERE shopdb.user.id = 5;
-- params 'x', 5
SELECT CONCAT(?, shopdb.user.name) FROM shopdb.user WHERE shopdb.user.id = ?;
SELECT user.id FROM user WHERE user.id IN (SELECT user.id FROM user WHERE user.age > 40);
SELECT user.id FROM user WHERE EXISTS (SELECT 1 FROM orders user WHERE user.id = 3);
SELECT (SELECT COUNT(*) FROM user x WHERE x.id < user.id) FROM user WHERE user.id < 4;
-- refused 0111 0011
SELECT (SELECT shopdb.user.name FROM orders user WHERE user.id = 1) AS n FROM shopdb.user;

-- case references: locking in several places
START TRANSACTION;
SELECT a.id, b.id FROM user a JOIN user b ON b.id = a.id WHERE a.id = 5 FOR UPDATE;
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE u.id = 6 FOR UPDATE;
-- refused 0011
SELECT a.id, b.id FROM user a JOIN user b ON b.id = a.id + 1 FOR UPDATE;
SELECT o.id FROM orders o WHERE o.user_id IN (SELECT id FROM user WHERE name = 'name2') FOR UPDATE;
COMMIT;

-- case references: lateral
-- only mysql
SELECT o.id, l.name FROM orders o, LATERAL (SELECT u.name FROM user u WHERE u.id = o.user_id) l WHERE o.id < 6;
SELECT o.id, l.id FROM orders o LEFT JOIN LATERAL (SELECT u.id FROM user u WHERE u.id < o.user_id ORDER BY u.id DESC LIMIT 2) l ON TRUE WHERE o.id < 6;

-- case references: TABLE and VALUES
-- only mysql
TABLE user;
-- ordered
TABLE orders ORDER BY id LIMIT 3;
SELECT COUNT(*) FROM (TABLE user) t;
VALUES ROW(1, 'a') UNION SELECT id, name FROM user WHERE id < 3;
SELECT v.column_0, u.name FROM (VALUES ROW(3), ROW(14)) v JOIN user u ON u.id = v.column_0;

-- case references: prepared as text
PREPARE s FROM 'SELECT id, name FROM user WHERE age > 40';
EXECUTE s;
PREPARE s FROM 'SELECT a.id, b.id FROM user a JOIN user b ON b.id = a.id + 1 WHERE a.id = 5';
EXECUTE s;
PREPARE s FROM 'SELECT id, ''😀 é'' FROM user WHERE id < 9';
EXECUTE s;
PREPARE s FROM 'SELECT id, name FROM user WHERE id = 7';
EXECUTE s;
SET @a = 'name3', @b = 30;
PREPARE s FROM 'SELECT id FROM user WHERE name = ? AND id < ?';
EXECUTE s USING @a, @b;
DEALLOCATE PREPARE s;

-- case references: columns of a derived table over one shard
SELECT d.g FROM (SELECT age AS g, name AS h, MIN(10.0) AS m FROM user WHERE id = 5 GROUP BY age, name) AS d GROUP BY d.m, d.g;
SELECT * FROM (SELECT DISTINCT name AS n FROM user WHERE id = 5) AS d;
