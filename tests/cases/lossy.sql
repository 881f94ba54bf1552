ENUM and SET columns in a read of several shards: where their text counts, where their number does, and where it is not known which.

-- case lossy: functions of a text
SELECT id, ASCII(level), ASCII(tags), BIT_LENGTH(level), CHARACTER_LENGTH(tags), CHAR_LENGTH(level), CRC32(level), CRC32(tags) FROM user;
SELECT id, CONCAT(level, '-', age), CONCAT(tags), CONCAT_WS('/', level, tags, name), ELT(2, level, tags), ELT(id % 2 + 1, level, 'x') FROM user;
SELECT id, FIND_IN_SET(level, 'low,mid'), INSERT(level, 1, 1, tags), INSTR(level, 'i'), INSTR('low', level), LCASE(level), LOWER(tags) FROM user;
SELECT id, LEFT(level, 2), LENGTH(level), LENGTH(tags), LOCATE('b', tags), LOCATE(level, 'mid', 1), LPAD(level, 6, tags), LTRIM(level) FROM user;
SELECT id, MD5(level), MID(tags, 1, 2), OCTET_LENGTH(level), QUOTE(tags), REPEAT(level, 2), REPLACE(tags, 'a', level), REVERSE(level) FROM user;
SELECT id, RIGHT(level, 2), RPAD(level, 6, '*'), RTRIM(tags), SHA1(level), SHA2(tags, 256), STRCMP(level, 'low'), STRCMP('b', tags) FROM user;
SELECT id, SUBSTR(level, 2), SUBSTRING(level, 2, 1), SUBSTRING_INDEX(tags, ',', 1), TO_BASE64(level), TRIM(level), UCASE(level), UPPER(tags) FROM user;
SELECT id, CAST(level AS CHAR), CAST(tags AS CHAR(3)), CAST(level AS BINARY), CONVERT(level USING latin1), CONVERT(tags, CHAR) FROM user;
SELECT id, level COLLATE utf8mb4_bin, BINARY level = 'LOW' FROM user WHERE id < 9;
SELECT COUNT(*), UPPER(level) FROM user GROUP BY UPPER(level);
-- ordered
SELECT id, LOWER(level) FROM user ORDER BY REVERSE(level), UPPER(tags) DESC, id;
SELECT MAX(UPPER(level)), MIN(CONCAT(tags)), COUNT(DISTINCT LEFT(level, 1)), COUNT(DISTINCT level, tags) FROM user;
SELECT GROUP_CONCAT(level ORDER BY id), GROUP_CONCAT(DISTINCT tags ORDER BY id % 1, tags + 0), GROUP_CONCAT(UPPER(level) ORDER BY level, id) FROM user;
SELECT GROUP_CONCAT(id ORDER BY level, id), GROUP_CONCAT(id ORDER BY tags DESC, id SEPARATOR '/') FROM user;

-- case lossy: what hands it on
SELECT id, COALESCE(level, 'x'), IFNULL(tags, name), IF(id % 2, level, tags), IF(age > 30, level, 'none') FROM user;
SELECT id, CASE WHEN id % 2 THEN level ELSE 'x' END, CASE id % 3 WHEN 1 THEN tags WHEN 2 THEN level END FROM user;
SELECT id, CASE level WHEN 'low' THEN 1 WHEN 'mid' THEN 2 END, UPPER(IF(id % 2, level, name)) FROM user;
-- ordered
SELECT id FROM user ORDER BY COALESCE(level, NULL), CASE WHEN id % 2 THEN tags END, id;
-- ordered
SELECT id FROM user ORDER BY IF(id % 2, level, tags) DESC, IFNULL(level, tags), id;
SELECT COUNT(*), IF(age > 30, level, 'none') FROM user GROUP BY IF(age > 30, level, 'none');
SELECT id, UPPER(FIRST_VALUE(level) OVER (PARTITION BY age ORDER BY id)) FROM user;
SELECT id, (SELECT level FROM user b WHERE b.id = a.id), (SELECT UPPER(tags) FROM user b WHERE b.id = a.id) FROM user a WHERE id < 20;
SELECT DISTINCT IF(id % 2, level, tags), level FROM user;
SELECT level FROM user UNION SELECT note FROM orders;
SELECT level FROM user WHERE id < 9 UNION ALL SELECT tags FROM user WHERE id < 9;
-- ordered
SELECT level FROM user UNION SELECT tags FROM user ORDER BY 1;
-- ordered
SELECT id, age FROM user WHERE UPPER(level) = 'MID' OR id = age ORDER BY 1;
SELECT l, COUNT(*) FROM (SELECT level AS l, id FROM user) d WHERE l = 'mid' AND UPPER(l) = 'MID';
SELECT d.l, d.t FROM (SELECT IF(id % 2, level, 'x') AS l, tags AS t FROM user) d WHERE LENGTH(d.t) > 1 OR d.l = 'x';
WITH c AS (SELECT id, level AS l FROM user) SELECT CONCAT(a.l, b.l) FROM c a JOIN c b ON a.id = b.id WHERE a.l <> 'low' OR b.id = 3;

-- case lossy: the number
SELECT id, level + 0, tags + 0, level * 2, tags & 3, tags | 4, level ^ 1, level % 2, -level, level DIV 2, tags << 1, 1 + level, level / 2 FROM user;
SELECT SUM(level), AVG(tags), SUM(level + 1), SUM(DISTINCT tags), BIT_OR(tags), BIT_AND(tags), BIT_XOR(level) FROM user;
SELECT age, SUM(tags & 1), AVG(level) FROM user GROUP BY age;
SELECT id, ABS(level), SIGN(tags), MOD(level, 2), CEILING(level), FLOOR(tags), ROUND(level), TRUNCATE(level, 0) FROM user;
SELECT id, ELT(level, 'one', 'two', 'three'), LEFT(name, level), REPEAT('x', level), BIT_COUNT(tags) FROM user;
SELECT u.id, u.level > 2, u.tags IN (1, 2), u.level BETWEEN 2 AND 3, 2 <= u.level, u.level = u.age FROM user u;
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE u.level = 2 OR o.amount > 40;
SELECT o.id, u.level + 0, u.level = 2 FROM orders o LEFT JOIN user u ON u.id = o.user_id + 1 AND u.age > 20;
SELECT id, RANK() OVER (ORDER BY level), DENSE_RANK() OVER (PARTITION BY tags ORDER BY level DESC) FROM user;
SELECT id, ROW_NUMBER() OVER (PARTITION BY level ORDER BY tags, id), COUNT(*) OVER (PARTITION BY tags, level) FROM user;
SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM user u WHERE u.id = o.user_id AND (u.level > 1 OR o.id = 3));
SELECT u.id FROM user u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id AND o.id > u.level + 20);
-- params 2
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE u.level = ? OR o.amount > 40;

-- case lossy: comparisons
SELECT a.id, b.id FROM user a JOIN user b ON a.level = b.level AND b.id = a.id + 3 WHERE b.id < 30;
SELECT a.id, b.id FROM user a JOIN user b ON a.tags < b.level AND b.id = a.id + 1;
SELECT a.id FROM user a JOIN user b ON a.level = b.name OR a.id = b.id WHERE b.id < 9;
SELECT u.id, u.level BETWEEN 'l' AND 'm', u.level NOT IN ('low', 'mid'), u.tags LIKE 'a%', u.level REGEXP '^l', 'mid' < u.level FROM user u;
SELECT u.id, o.id FROM user u LEFT JOIN orders o ON o.user_id = u.id AND u.level = LOWER(o.note) OR u.level <=> CONCAT('m', 'id') AND o.id = 1;
SELECT o.id FROM orders o WHERE UPPER(o.note) IN (SELECT level FROM user) OR o.id = 4;
SELECT a.id FROM user a WHERE a.name IN (SELECT level FROM user b) OR a.level IN (SELECT level FROM user b WHERE b.id < 5) AND a.id = (SELECT 3);
SELECT o.id FROM orders o WHERE 'mid' = (SELECT u.level FROM user u WHERE u.id = o.user_id);

-- case lossy: among its like
SELECT id, FIELD(level, 'mid', 'low'), FIELD('mid', level, name), FIELD(tags, 1, 3), GREATEST(level, 'm', name), LEAST(tags, 'a'), NULLIF(level, 'mid'), NULLIF(name, tags) FROM user;
-- ordered
SELECT id, level FROM user ORDER BY FIELD(level, 'mid', 'low'), id;
SELECT id, HEX(level), HEX(tags), JSON_ARRAY(level, id), JSON_OBJECT('l', level, 't', tags), CAST(level AS SIGNED), CAST(tags AS DECIMAL(6,2)), CONVERT(tags, UNSIGNED) FROM user;
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE u.id BETWEEN 3 AND 30 AND (u.level = 'mid' XOR o.id = 3 AND u.tags <> 'a');
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE (u.id BETWEEN 3 AND 30 OR o.id = 4) AND u.level = 'mid' && o.id > 3;
SELECT JSON_ARRAYAGG(level) FROM user WHERE id = 5 OR id = age;

-- case lossy: not known which
-- refused 0111 0011
SELECT id, LAG(level) OVER (ORDER BY id) FROM user;
-- refused 0111 0011
SELECT GREATEST(level, 'm') + 0, NULLIF(level, 'm') + 0 FROM user;
-- refused 0111 0011
SELECT FIELD(level, 1, 'low') FROM user;
-- refused 0111 0011
SELECT id, level FROM user ORDER BY 2;
-- refused 0111 0011
SELECT IF(id % 2, level, 5) + 0 FROM user;
-- refused 0111 0011
SELECT SUM(CASE WHEN id % 2 THEN level END) FROM user;
-- refused 0111 0011
SELECT FIND_IN_SET('b', tags) FROM user;
-- refused 0111 0011
SELECT o.id FROM orders o JOIN user u ON o.note = u.level;
-- refused 0111 0011
SELECT id, level AS l FROM user ORDER BY l, id;
-- refused 0111 0011
SELECT d.l FROM (SELECT level AS l FROM user) d ORDER BY d.l;
-- refused 0111 0011
SELECT d.l + 0 FROM (SELECT level AS l FROM user) d;
