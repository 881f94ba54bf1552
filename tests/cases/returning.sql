RETURNING, which MariaDB has. In 0011 it returns rows of one shard, of a prepared statement, too, though a text runs in its place.

-- case returning: insert with given ids
-- only mariadb
INSERT INTO user (id, name) VALUES (701, 'a') RETURNING id, name, score;
INSERT INTO user (id, name) VALUES (704, 'a') RETURNING user.id, shopdb.user.name;
INSERT INTO user (id, name) VALUES (705, 'a') RETURNING user.*;
-- refused 0011
INSERT INTO user (id, name) VALUES (706, 'a') RETURNING user.id + 1;
-- refused 0011
INSERT INTO user (id, name) VALUES (702, 'b'), (703, 'c') RETURNING *;
INSERT INTO user (id, name) VALUES (711, 'a'), (721, 'b') RETURNING user.id, tags, user.level AS l, raw;
INSERT INTO user (id, name) VALUES (712, 'a'), (722, 'b') RETURNING id, tags, level AS l, raw, UPPER(name), created;
INSERT INTO user (id, name) VALUES (5, 'dup') RETURNING id;
INSERT INTO user (id, age) VALUES (731, 'x') RETURNING id;
INSERT IGNORE INTO user (id, name) VALUES (6, 'dup') RETURNING id;
INSERT INTO user (id, age) VALUES (6, 1) ON DUPLICATE KEY UPDATE age = 41 RETURNING id, age;
REPLACE INTO user (id, name) VALUES (7, 'replaced') RETURNING id, name, email;
-- params 732, 'p'
INSERT INTO user (id, name) VALUES (?, ?) RETURNING id, name;

-- case returning: warnings
-- only mariadb
INSERT IGNORE INTO user (id, name, age) VALUES (5, 'dup', 1), (715, 'x', 'y') RETURNING id;
SELECT COUNT(*) FROM user;

-- case returning: insert with a generated id
-- only mariadb
INSERT INTO user (name) VALUES ('generated') RETURNING name, UPPER(name), age + 1;
SELECT LAST_INSERT_ID();
-- params 'p', 9
INSERT INTO user (name, age) VALUES (?, ?) RETURNING id, name, age, created;
SELECT LAST_INSERT_ID(), ROW_COUNT();
REPLACE INTO user (name) VALUES ('new') RETURNING id;
-- refused 1101 0111 0011
INSERT IGNORE INTO user (name, age) VALUES ('x', 1), ('y', 2) RETURNING name;
-- refused 0011
INSERT INTO user (name) VALUES ('d'), ('e'), ('f') RETURNING id;

-- case returning: delete
-- only mariadb
DELETE FROM user WHERE id = 5 RETURNING id, name, CONCAT(name, '!');
DELETE FROM user WHERE id = 5 RETURNING id;
-- params 6
DELETE FROM user WHERE id = ? RETURNING *;
-- refused 0011
-- params 50
DELETE FROM user WHERE age > 40 AND id < ? RETURNING *;
-- refused 0011
DELETE FROM user WHERE id IN (7, 8) RETURNING id, born;
-- refused 0011
DELETE FROM user WHERE name = 'nobody' RETURNING user.id;
-- refused 0011
DELETE FROM user WHERE age > 40 ORDER BY id LIMIT 2 RETURNING user.id;

-- case returning: of one row, whichever shard it is in
-- only mariadb
DELETE FROM user WHERE age > 40 ORDER BY id LIMIT 1 RETURNING id, user.name, age + 1;
DELETE FROM user WHERE name = 'nobody' LIMIT 1 RETURNING id;
-- params 40, 1
DELETE FROM user WHERE age > ? ORDER BY score DESC, id LIMIT ? RETURNING id, name AS n;
DELETE FROM user WHERE id = 12 AND age > 3 RETURNING id;
BEGIN;
DELETE FROM user ORDER BY id DESC LIMIT 1 RETURNING *;
SELECT ROW_COUNT();
ROLLBACK;

-- case returning: in a transaction
-- only mariadb
BEGIN;
INSERT INTO user (id, name) VALUES (741, 'a') RETURNING id;
DELETE FROM user WHERE id = 9 RETURNING id;
INSERT INTO user (id, name) VALUES (741, 'a') RETURNING id;
ROLLBACK;
SELECT COUNT(*) FROM user;
BEGIN;
INSERT INTO user (id, name) VALUES (742, 'kept') RETURNING name;
COMMIT;
SELECT COUNT(*) FROM user;

-- case returning: under LOCK TABLES
-- only mariadb
LOCK TABLES user WRITE;
INSERT INTO user (id, name) VALUES (743, 'locked') RETURNING name, id;
DELETE FROM user WHERE id = 9 RETURNING id;
UNLOCK TABLES;
SELECT COUNT(*) FROM user;
