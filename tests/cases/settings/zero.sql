Zero in an AUTO_INCREMENT column, with NO_AUTO_VALUE_ON_ZERO and without it. A row with id 0 is there.

-- case zero: a number
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
DELETE FROM user WHERE id = 0;
INSERT INTO user (id, name) VALUES (0, 'by number');
SELECT LAST_INSERT_ID();
SELECT id, name FROM user WHERE id = 0;

-- case zero: a string
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES';
DELETE FROM user WHERE id = 0;
INSERT INTO user (id, name) VALUES ('0', 'by string');
SELECT id, name FROM user WHERE id = 0;

-- case zero: a parameter
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
DELETE FROM user WHERE id = 0;
-- params 0, 'by parameter'
INSERT INTO user (id, name) VALUES (?, ?);
SELECT id, name FROM user WHERE id = 0;

-- case zero: a parameter that is a string
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
DELETE FROM user WHERE id = 0;
-- params '0', 'by parameter'
INSERT INTO user (id, name) VALUES (?, ?);
SELECT id, name FROM user WHERE id = 0;

-- case zero: beside others
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
DELETE FROM user WHERE id = 0;
INSERT INTO user (id, name) VALUES (301, 'one'), (0, 'zero'), (302, 'two');
SELECT LAST_INSERT_ID();
SELECT id, name FROM user WHERE id IN (0, 301, 302);

-- case zero: it is there
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO user (id, name) VALUES (0, 'again');
INSERT IGNORE INTO user (id, name) VALUES (0, 'ignored');
INSERT INTO user (id, name) VALUES (0, 'new') ON DUPLICATE KEY UPDATE name = 'changed';
REPLACE INTO user (id, name) VALUES (0, 'replaced');
SELECT id, name FROM user WHERE id = 0;

-- case zero: NULL makes an id
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO user (id, name) VALUES (NULL, 'generated');
SELECT LAST_INSERT_ID();
INSERT INTO user (name) VALUES ('generated, too');
SELECT LAST_INSERT_ID();

-- case zero: of a SELECT
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
DELETE FROM user WHERE id = 0;
INSERT INTO user (id, name) SELECT 0, 'selected';
SELECT LAST_INSERT_ID();
SELECT id, name FROM user WHERE id = 0;

-- case zero: REPLACE of a SELECT
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
REPLACE INTO user (id, name) SELECT user_id - user_id, note FROM orders WHERE id = 2;
SELECT id, name FROM user WHERE id = 0;

-- case zero: a key becomes zero
DELETE FROM user WHERE id = 0;
UPDATE user SET id = 0 WHERE id = 5;
SELECT id, name FROM user WHERE id IN (0, 5);

-- case zero: without the mode it makes an id
INSERT INTO user (id, name) VALUES (0, 'by number');
INSERT INTO user (id, name) VALUES ('0', 'by string');
-- params 0, 'by parameter'
INSERT INTO user (id, name) VALUES (?, ?);
INSERT INTO user (id, name) SELECT 0, 'selected';
SELECT id, name FROM user WHERE id = 0;

-- case zero: the mode comes and goes
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
DELETE FROM user WHERE id = 0;
SET sql_mode = '';
INSERT INTO user (id, name) VALUES (0, 'generated');
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO user (id, name) VALUES (0, 'zero');
SELECT id, name FROM user WHERE id = 0;
