What a read of several shards does for itself: conditions and limits in the branches, types that a UNION loses.

-- case scatter: first rows
-- ordered
SELECT id, name FROM user WHERE age > 25 ORDER BY name DESC, id LIMIT 4, 6;
-- ordered
SELECT u.* FROM user u WHERE u.active = 1 ORDER BY u.score DESC LIMIT 5;
-- ordered
SELECT id AS name, name AS id FROM user ORDER BY name LIMIT 5;
-- ordered
SELECT id, score AS age FROM user ORDER BY age, id LIMIT 5;
-- ordered
SELECT id, UPPER(name) FROM user ORDER BY user.name, user.id LIMIT 5;
-- ordered
SELECT id FROM user WHERE name = 'name3' AND age > 20 ORDER BY id LIMIT 3;
-- count
SELECT id FROM user WHERE name = 'name3' LIMIT 3;
-- ordered
-- params 20, 2, 3
SELECT id FROM user WHERE age > ? ORDER BY id LIMIT ?, ?;
-- ordered
SELECT COUNT(*) FROM user ORDER BY id LIMIT 1;
-- ordered
SELECT name, COUNT(*) FROM user GROUP BY name ORDER BY name LIMIT 2;
-- ordered
SELECT DISTINCT name FROM user ORDER BY name LIMIT 3;
-- ordered
SELECT id FROM user ORDER BY 1 DESC LIMIT 3;
-- ordered
SELECT id FROM user ORDER BY -id LIMIT 3;
SELECT id FROM user LIMIT 0;
-- ordered
SELECT id FROM user WHERE LENGTH(name) > 3 ORDER BY id LIMIT 18446744073709551615 OFFSET 55;
SELECT SQL_CALC_FOUND_ROWS id FROM user WHERE age > 25 ORDER BY id LIMIT 3;
SELECT FOUND_ROWS();

-- case scatter: conditions
SELECT id FROM user WHERE name IN ('name1', 'name2') AND NOT (age = 30 OR age IS NULL);
SELECT id FROM user WHERE name = 'name1' OR age = 30;
SELECT id FROM user WHERE born BETWEEN '1981-01-01' AND '1982-12-31';
SELECT id FROM user WHERE seen > '2020-01-02 00:00:00.000' AND created = '2024-01-01 00:00:00';
SELECT id FROM user WHERE id = 'abc';
SELECT id FROM user WHERE score = '12.50';
SELECT id FROM user WHERE email IS NULL AND bio LIKE 'éé%';
SELECT id FROM user WHERE raw = x'05';
SELECT id FROM user WHERE CASE WHEN age > 40 THEN id < 30 ELSE id > 50 END;
SELECT id FROM user WHERE created < NOW() - INTERVAL 1 DAY AND id < 9;
SELECT id FROM user WHERE ratio > 1.5e0 AND ratio < 2.0;
-- params '5', 30
SELECT id FROM user WHERE id = ? OR age = ?;
-- params 2.5, 'name1'
SELECT id FROM user WHERE ratio = ? OR name = ?;
-- params NULL
SELECT id FROM user WHERE age = ?;
-- params 3, 13, 'name3', 10
SELECT id FROM user WHERE id IN (?, ?) AND name = ? LIMIT ?;

-- case scatter: parameters in the select list
-- params 5
SELECT ABS(?) FROM user WHERE id < 30;
-- params 2.5, 'x'
SELECT ?, ?, id FROM user WHERE id < 30;
-- params NULL, 30
SELECT IFNULL(?, age), id FROM user WHERE id < ?;
-- params -7, 3
SELECT id + ?, CONCAT(name, ?) FROM user WHERE id < 30;
-- params 'é', 4
SELECT COUNT(*), MAX(CONCAT(name, ?)) FROM user WHERE id > ?;
-- ordered
-- params 3, 2, 4
SELECT id, id * ? AS n FROM user ORDER BY n LIMIT ?, ?;
-- params 1.5, 'name3'
SELECT SUM(score * ?), name FROM user WHERE name = ? GROUP BY name;
-- params 9, 20
SELECT d.x, d.id FROM (SELECT ? AS x, id FROM user WHERE id < ?) d;
-- params 9, 20
WITH d AS (SELECT ? AS x, id FROM user WHERE id < ?) SELECT x, id FROM d;
-- params 1, 5, 'a', 8
SELECT ?, id FROM user WHERE id < ? UNION ALL SELECT ?, id FROM user WHERE id < ?;
-- ordered
-- params 1, 5, 3
SELECT ? AS a, id FROM user WHERE id < ? UNION SELECT a, b FROM (SELECT 1 AS a, 2 AS b) d ORDER BY id LIMIT ?;
-- params 7, 9
SELECT id, (SELECT ? FROM orders o WHERE o.id = u.id) FROM user u WHERE id < ?;
-- params 3
SELECT SQL_CALC_FOUND_ROWS id, -? FROM user ORDER BY id LIMIT 4;
SELECT FOUND_ROWS();
-- params 3
SELECT ?, u.id, o.id FROM user u LEFT JOIN orders o ON o.user_id = u.id WHERE u.id < 9;
-- params 3, 5
SELECT id, ? FROM user WHERE age > ? FOR UPDATE;
-- params 4
SELECT CASE WHEN id < 9 THEN ? ELSE ratio END FROM user;
-- params 4, 'x'
SELECT COALESCE(?, ?, name), NULLIF(id, 5) FROM user;

-- case scatter: ENUM and SET
SELECT id FROM user WHERE level = 'mid';
SELECT id FROM user WHERE level = 2;
SELECT id FROM user WHERE level IN ('mid', 'high') AND tags & 1;
SELECT id FROM user WHERE FIND_IN_SET('b', tags) AND age > 20;
-- params 'high'
SELECT id, level FROM user WHERE level = ?;
-- params 3
SELECT id, level FROM user WHERE level >= ?;
-- ordered
SELECT id, level FROM user ORDER BY level, id;
-- ordered
SELECT * FROM user ORDER BY level DESC, tags, id;
-- ordered
SELECT id, level FROM user WHERE age > 25 ORDER BY level DESC, id LIMIT 7;
SELECT level, COUNT(*) FROM user GROUP BY level;
-- ordered
SELECT level, COUNT(*) AS n FROM user GROUP BY level ORDER BY level;
-- ordered
SELECT level, active, SUM(score) FROM user GROUP BY level, active ORDER BY level DESC, active;
SELECT DISTINCT level FROM user;
-- ordered
SELECT DISTINCT level FROM user ORDER BY level;
SELECT SUM(level = 'mid'), COUNT(level), COUNT(DISTINCT level) FROM user;
SELECT id, CASE WHEN level = 'mid' THEN 1 ELSE 0 END FROM user WHERE id < 9;
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE u.level = 'high' AND o.amount > 10;
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE u.level = 'high' OR o.amount > 40;
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id AND u.level < 3 WHERE o.id < 20;
SELECT u.*, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE o.id < 9 ORDER BY u.level;
SELECT *, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE o.id < 9 ORDER BY u.level;
SELECT id, level + 0 FROM user;
-- refused 0111 0011
SELECT MAX(level), MIN(tags) FROM user;
-- refused 0111 0011
SELECT id, level AS l FROM user ORDER BY l, id;
SELECT GROUP_CONCAT(id ORDER BY level, id) FROM user;
SELECT a.id FROM user a JOIN user b ON a.level = b.level WHERE b.id < 3;

-- case scatter: dates that count as NULL
SET sql_mode = '';
UPDATE user SET joined = '0000-00-00' WHERE id IN (6, 7, 8);
SET sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE';
SELECT id FROM user WHERE joined IS NULL;
SELECT id FROM user WHERE joined IS NOT TRUE;
SELECT id FROM user WHERE joined IS NOT NULL AND id < 9;
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE u.joined IS NULL;
SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM user u WHERE u.id = o.user_id AND u.joined IS NULL);
-- refused 0111 0011
SELECT id FROM user WHERE joined IS NULL OR id = 'abc';
-- refused 0111 0011
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id AND u.joined IS NULL WHERE o.id < 30;
-- refused 0111 0011
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE u.joined IS NULL OR o.id = 3;
-- refused 0111 0011
SELECT d.id FROM (SELECT id, joined FROM user) d WHERE ISNULL(d.joined);
-- refused 0111 0011
WITH c AS (SELECT DISTINCT joined AS since FROM user) SELECT COUNT(*) FROM c w WHERE w.since IS UNKNOWN;
-- refused 0111 0011
SELECT d.since FROM (SELECT joined FROM user) d (since) WHERE d.since IS NULL;
SET sql_mode = '';
SELECT COUNT(*), SUM(joined IS NULL) FROM user;
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id WHERE u.joined IS NOT NULL AND o.id < 30;

-- case scatter: dates that count as NULL, in outer joins
-- only mysql
SET sql_mode = '';
UPDATE user SET joined = '0000-00-00' WHERE id IN (6, 7, 8);
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id AND u.age > 30 WHERE u.joined IS NULL;

-- case scatter: dates that count as NULL, in outer joins
-- only mariadb
SET sql_mode = '';
UPDATE user SET joined = '0000-00-00' WHERE id IN (6, 7, 8);
-- refused 0111 0011
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id AND u.age > 30 WHERE u.joined IS NULL;

-- case scatter: hints
SELECT id FROM user USE INDEX (name) WHERE name = 'name3';
SELECT u.id FROM user AS u FORCE INDEX (age) WHERE u.age > 30;
SELECT u.id FROM user u IGNORE INDEX (PRIMARY) JOIN orders o ON o.user_id = u.id WHERE o.id < 5;

-- case scatter: transactions
START TRANSACTION;
UPDATE user SET name = 'changed' WHERE id = 6;
SELECT a.id, b.id FROM user a JOIN user b ON a.name = b.name WHERE a.name = 'changed';
SELECT COUNT(*) FROM user WHERE name = 'changed';
ROLLBACK;

-- case scatter: a recursive expression that is named twice
WITH RECURSIVE c (n) AS (SELECT CAST(1 AS SIGNED) UNION SELECT u.id + 1 FROM c JOIN user u ON u.id = c.n WHERE u.id < 6)
SELECT a.n, COUNT(*) FROM c a JOIN c b ON a.n >= b.n GROUP BY a.n;

-- case scatter: computed integers in the binary protocol
SELECT YEAR(born), id % 3, FIRST_VALUE(age) OVER (PARTITION BY active ORDER BY id) FROM user;
SELECT d.y, d.m FROM (SELECT YEAR(born) AS y, age % 3 AS m FROM user) d WHERE d.m = 1;
SELECT id, CASE WHEN id % 2 THEN age ELSE 300 END, IF(active, age, id), age + 1, -age FROM user;

-- case scatter: operators that MySQL warns of
SELECT id, INTERVAL(age, 20, 30) FROM user WHERE !(age = 30) AND id < 19;
SELECT @@warning_count;
SELECT id FROM user WHERE (age = 30 && active = 1) OR name = 'name3';
SELECT @@warning_count;

-- case scatter: NULL for a column that has none, on several shards
UPDATE IGNORE user SET name = email WHERE id IN (5, 10, 14, 15);
SHOW WARNINGS;

-- case scatter: dates asked for truth
-- only mysql
SELECT COUNT(*) FROM user WHERE seen IS TRUE OR id < 5;
-- refused 0111 0011
SELECT COUNT(*) FROM user WHERE seen IS TRUE OR id = 'abc';

-- case scatter: aggregates of the whole table
SELECT COUNT(*) FROM user;
SELECT COUNT(*), COUNT(name) AS n, COUNT(email), SUM(score) s, MIN(id), MAX(shopdb.user.name), COUNT(1), SUM(age), MAX(born), MIN(seen), MAX(created), MIN(joined), MAX(score) FROM user;
-- params 30
SELECT SUM(u.age) AS s, MAX(u.name), COUNT(u.bio) FROM shopdb.user AS u WHERE u.age > ? AND u.id > 3 LIMIT 1;
SELECT COUNT(*), SUM(age), MIN(name), MAX(id) FROM user WHERE name = 'nobody';
SELECT COUNT(*) FROM user WHERE id IN (1, 2) LIMIT 0;
SELECT COUNT(level), COUNT(tags), COUNT(ratio), COUNT(raw) FROM user;
SELECT COUNT(*) c, MAX(id) FROM user WHERE level = 'mid' AND tags <> '';
SELECT SUM(id) FROM user WHERE id > 9223372036854775800;
SELECT COUNT (*) FROM user;
SELECT COUNT(*), SUM(ratio), SUM(active), AVG(age) FROM user;

-- case scatter: tables in parentheses
SELECT a.id, o.id, b.name FROM (user a, orders o) LEFT JOIN user b ON b.id = o.user_id WHERE a.id = o.id AND o.id < 20;
SELECT o.id, u.name FROM orders o JOIN (user u JOIN (user b, orders p) ON b.id = u.id AND p.id = b.id) ON u.id = o.user_id WHERE o.id < 30;
SELECT o.id, u.name FROM { OJ orders o LEFT OUTER JOIN user u ON u.id = o.user_id AND u.born > {d '1981-01-01'} } WHERE o.id < 20;

-- case scatter: window functions' own words
-- only mysql
SELECT id, NTH_VALUE(id, 2) FROM FIRST OVER w, FIRST_VALUE(name) RESPECT NULLS OVER w FROM user WINDOW w AS (PARTITION BY active ORDER BY id);

-- case scatter: GROUP BY with an order
-- only mariadb
-- ordered
SELECT name, COUNT(*) FROM user GROUP BY name DESC;
