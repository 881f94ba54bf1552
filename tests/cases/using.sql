-- Statements that are prepared as text and executed with user variables in the place of their question marks.

-- case using: reads
SET @id = 5, @ids = 16, @low = 20, @name = 'name3', @none = NULL, @ratio = 1.5e0, @score = 12.50, @bytes = x'05', @text = '5';
PREPARE s FROM 'SELECT id, name, age, born FROM user WHERE id = ?';
EXECUTE s USING @id;
EXECUTE s USING @ids;
EXECUTE s USING @none;
EXECUTE s USING @text;
EXECUTE s USING @ratio;
EXECUTE s USING @score;
EXECUTE s USING @never_set;
PREPARE s FROM 'SELECT id, tags, level FROM user WHERE id > ? AND name = ? ORDER BY id LIMIT ?';
SET @three = 3;
-- ordered
EXECUTE s USING @low, @name, @three;
PREPARE s FROM 'SELECT id FROM user WHERE score = ? OR ratio = ? OR name = ?';
EXECUTE s USING @score, @ratio, @none;
PREPARE s FROM 'SELECT id, ? AS given, ? + age AS more FROM user WHERE id < 9 ORDER BY id';
-- ordered
EXECUTE s USING @name, @id;
-- ordered
EXECUTE s USING @score, @ratio;
PREPARE s FROM 'SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE u.id < ? AND o.note = ?';
SET @note = 'note1';
EXECUTE s USING @low, @note;
PREPARE s FROM 'SELECT COUNT(*), SUM(age) FROM user WHERE age > ? AND name <> ?';
EXECUTE s USING @low, @name;
PREPARE s FROM 'SELECT id FROM user WHERE raw = ?';
EXECUTE s USING @bytes;
DEALLOCATE PREPARE s;

-- case using: locking reads
SET @id = 5, @low = 12;
PREPARE one FROM 'SELECT id, name FROM user WHERE id = ? FOR UPDATE';
PREPARE many FROM 'SELECT id, name FROM user WHERE id < ? FOR UPDATE';
EXECUTE one USING @id;
EXECUTE many USING @low;
START TRANSACTION;
EXECUTE one USING @id;
EXECUTE many USING @low;
COMMIT;

-- case using: writes
SET @id = 5, @name = 'it''s \\ new', @email = NULL, @score = 3.25, @ratio = 0.5e0, @bytes = x'00FF27', @big = 7001, @old = 'name3';
PREPARE s FROM 'UPDATE user SET name = ?, email = ?, score = ?, ratio = ?, raw = ? WHERE id = ?';
EXECUTE s USING @name, @email, @score, @ratio, @bytes, @id;
PREPARE s FROM 'UPDATE user SET bio = ? WHERE name = ?';
EXECUTE s USING @name, @old;
EXECUTE s USING @email, @old;
PREPARE s FROM 'INSERT INTO user (id, name, email, score) VALUES (?, ?, ?, ?), (? + 1, ?, NULL, 1)';
EXECUTE s USING @big, @name, @email, @score, @big, @old;
EXECUTE s USING @big, @name, @email, @score, @big, @old;
PREPARE s FROM 'INSERT INTO user (name, age) VALUES (?, ?)';
EXECUTE s USING @name, @id;
PREPARE s FROM 'REPLACE INTO user (id, name) VALUES (?, ?)';
EXECUTE s USING @id, @old;
PREPARE s FROM 'INSERT INTO user (id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE bio = ?';
EXECUTE s USING @id, @name, @old;
PREPARE s FROM 'INSERT INTO user (id, name) SELECT id + ?, ? FROM orders WHERE id < ?';
EXECUTE s USING @big, @name, @id;
PREPARE s FROM 'UPDATE user SET id = ? WHERE id = ?';
SET @new = 7500;
EXECUTE s USING @new, @id;
PREPARE s FROM 'UPDATE user u JOIN orders o ON o.user_id = u.id SET u.bio = ? WHERE o.amount > ?';
SET @amount = 40;
EXECUTE s USING @name, @amount;
PREPARE s FROM 'DELETE FROM user WHERE id = ?';
EXECUTE s USING @new;
EXECUTE s USING @email;
PREPARE s FROM 'DELETE FROM user WHERE name = ? ORDER BY id LIMIT ?';
SET @two = 2;
EXECUTE s USING @old, @two;
PREPARE s FROM 'UPDATE orders SET note = ? WHERE user_id IN (SELECT id FROM user WHERE age > ?)';
SET @age = 40;
EXECUTE s USING @old, @age;
START TRANSACTION;
PREPARE s FROM 'UPDATE user SET bio = ? WHERE id = ?';
SET @six = 6;
EXECUTE s USING @old, @six;
ROLLBACK;

-- case using: numbers of arguments
SET @id = 5;
PREPARE s FROM 'UPDATE user SET bio = ? WHERE id = ?';
EXECUTE s USING @id;
EXECUTE s;
EXECUTE s USING @id, @id, @id;
PREPARE s FROM 'SELECT id FROM user WHERE id = 5';
EXECUTE s USING @id;

-- case using: variables that the statement itself changes
SET @id = 5, @n = 0;
PREPARE s FROM 'SELECT @n := @n + id FROM user WHERE id = ?';
-- refused 0111 0011
EXECUTE s USING @id;
PREPARE s FROM 'SELECT name INTO @id FROM user WHERE id = ?';
-- refused 0111 0011
EXECUTE s USING @id;
PREPARE s FROM 'UPDATE user SET bio = (@n := @n + 1) WHERE name = ?';
SET @old = 'name3';
-- refused 1101 0111 0011
EXECUTE s USING @old;

-- case using: strings of another collation
SET @name = 'name3' COLLATE utf8mb4_bin;
PREPARE s FROM 'UPDATE user SET bio = ? WHERE name = ?';
-- refused 1101 0111 0011
EXECUTE s USING @name, @name;
PREPARE s FROM 'SELECT id FROM user WHERE name = ?';
-- refused 0111 0011
EXECUTE s USING @name;

-- case using: what is asked about the statement before
SET @id = 5, @bio = 'asked';
PREPARE s FROM 'UPDATE user SET bio = ? WHERE id = ?';
EXECUTE s USING @bio, @id;
SELECT ROW_COUNT();
PREPARE s FROM 'SELECT id FROM user WHERE id < ?';
EXECUTE s USING @id;
SELECT FOUND_ROWS();
PREPARE s FROM 'SELECT name + 0 FROM user WHERE id = ?';
EXECUTE s USING @id;
SHOW WARNINGS;

-- case using: expressions
-- only mariadb
SET @id = 5;
PREPARE s FROM 'SELECT id, name FROM user WHERE id = ? OR name = ?';
EXECUTE s USING 5, 'name3';
EXECUTE s USING @id + 2, NULL;
PREPARE s FROM 'UPDATE user SET bio = ?, age = ? WHERE name = ?';
EXECUTE s USING 'given', 1.5 + 2, 'name4';
-- refused 1101 0111 0011
EXECUTE s USING LEFT('given', 2), 7, 'name4';
EXECUTE IMMEDIATE 'SELECT id FROM user WHERE id > ? AND name = ?' USING @id, 'name3';
EXECUTE IMMEDIATE 'UPDATE user SET bio = ? WHERE name = ?' USING 'at once', 'name5';
EXECUTE IMMEDIATE 'INSERT INTO user (id, name) VALUES (?, ?)' USING 7001, 'at once';
EXECUTE IMMEDIATE 'DELETE FROM user WHERE age > ?' USING 40;
