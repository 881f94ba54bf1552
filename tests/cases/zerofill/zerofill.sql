A ZEROFILL column in a read of several shards: it is a number, and in the text protocol shows zeros.

-- case zerofill: what it shows
UPDATE user SET badge = id * 37 WHERE id % 5 > 0;
UPDATE user SET badge = 12345678 WHERE id = 7;
SELECT id, badge FROM user;
SELECT badge AS b, u.badge FROM user u WHERE id < 20;
-- ordered
SELECT badge FROM user ORDER BY badge DESC, id;
-- ordered
SELECT id, badge + 1 FROM user ORDER BY badge + 1, id LIMIT 9;
SELECT * FROM user;
SELECT u.*, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE o.id < 9;
SELECT DISTINCT badge FROM user;
SELECT badge, COUNT(*) FROM user GROUP BY badge;
SELECT o.id, u.badge FROM orders o LEFT JOIN user u ON u.id = o.user_id + 1 AND u.age > 20;
SELECT badge FROM user WHERE id < 9 UNION ALL SELECT badge FROM user WHERE id < 5;
SELECT badge FROM user UNION SELECT 5;
SELECT * FROM user WHERE id < 20 UNION ALL SELECT * FROM user WHERE id < 5;

-- case zerofill: a number
UPDATE user SET badge = id * 37 WHERE id % 5 > 0;
SELECT id, badge + 1, badge % 7, -badge, ABS(badge), badge & 15, badge DIV 3, SIGN(badge), MOD(badge, 10), BIT_COUNT(badge), badge << 1 FROM user;
SELECT SUM(badge), AVG(badge), COUNT(badge), COUNT(DISTINCT badge), BIT_OR(badge) FROM user;
SELECT a.id, b.id FROM user a JOIN user b ON a.badge = b.badge + 37 OR a.badge IN (b.id, 74) WHERE a.badge > 100 OR b.id = 3;
SELECT u.id, u.badge BETWEEN 10 AND 300, u.badge = '74', u.badge <=> NULL, u.badge IS NULL, u.badge > u.age FROM user u WHERE u.id < 30;
SELECT id, RANK() OVER (ORDER BY badge), SUM(badge) OVER (PARTITION BY age ORDER BY id) FROM user;
SELECT id, LEFT(name, badge), ELT(badge % 2 + 1, 'a', 'b'), REPEAT('x', badge % 5) FROM user;
SELECT id, COALESCE(badge, 3) + 1, IF(id % 2, badge, 7) * 2, CASE WHEN id % 2 THEN badge ELSE 1 END - 1 FROM user;
SELECT id, COALESCE(badge, 3), IF(id % 2, badge, 7), CASE WHEN id % 2 THEN badge END, IFNULL(badge, 3) FROM user;
SELECT id, FIRST_VALUE(badge) OVER (PARTITION BY age ORDER BY id) FROM user;
SELECT id, (SELECT badge FROM user b WHERE b.id = a.id) FROM user a WHERE id < 20;
SELECT d.b + 1, d.id FROM (SELECT badge AS b, id FROM user) d WHERE d.b > 100;
SELECT o.id FROM orders o WHERE o.id IN (SELECT badge / 37 FROM user);
SELECT id FROM user a WHERE a.badge IN (SELECT badge FROM user b WHERE b.id < 9) OR a.id = 5;

-- case zerofill: among its like
UPDATE user SET badge = id * 37 WHERE id % 5 > 0;
SELECT id, CAST(badge AS SIGNED), CAST(badge AS DECIMAL(12,2)), CONVERT(badge, UNSIGNED), FIELD(badge, 37, 74), GREATEST(badge, 100), LEAST(badge, age, 9), NULLIF(badge, 74), HEX(badge) FROM user;
SELECT u.id, u.badge IS TRUE, u.badge IS NOT FALSE, u.badge IS UNKNOWN, SEC_TO_TIME(u.badge), o.id FROM user u JOIN orders o ON o.user_id = u.id;
SELECT id, LAG(badge) OVER (ORDER BY id), LEAD(badge, 2) OVER (ORDER BY id) FROM user;
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE u.id BETWEEN 3 AND 30 AND (u.badge = 185 XOR o.id = 3);
-- refused 0111 0011
SELECT id, JSON_ARRAY(badge, id), JSON_OBJECT('b', badge), JSON_SET('{"a": 1}', '$.a', badge) FROM user;
-- refused 0111 0011
SELECT id, CONCAT(GREATEST(badge, 100)), LENGTH(NULLIF(badge, 74)) FROM user;

-- case zerofill: its text
UPDATE user SET badge = id * 37 WHERE id % 5 > 0;
UPDATE user SET badge = 12345678 WHERE id = 7;
SELECT id, CONCAT(badge), CONCAT('#', badge, name), LENGTH(badge), LEFT(badge, 3), UPPER(badge), CONCAT_WS('-', badge, id), REVERSE(badge) FROM user;
SELECT id, CAST(badge AS CHAR), REPLACE(badge, '0', 'o'), LPAD(badge, 9, 'x'), MD5(badge), LOCATE('3', badge), TRIM(badge) FROM user;
SELECT GROUP_CONCAT(badge ORDER BY id), GROUP_CONCAT(DISTINCT badge ORDER BY badge SEPARATOR '/') FROM user;
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE u.badge LIKE '0000%' OR o.id = 3;
SELECT COUNT(*), LEFT(badge, 4) FROM user GROUP BY LEFT(badge, 4);
SELECT o.id, CONCAT(u.badge) FROM orders o LEFT JOIN user u ON u.id = o.user_id + 1 AND u.age > 20;
