Joins in which constants say which rows of another table matter: its keys restrict the branches.

-- case join keys: of an unsharded table
SELECT u.id, o.id FROM orders o JOIN user u ON u.id = o.user_id WHERE o.id = 5;
SELECT u.id, o.id FROM user u JOIN orders o ON o.user_id = u.id WHERE o.note = 'note3';
SELECT u.name, o.amount FROM user u, orders o WHERE u.id = o.user_id AND o.id BETWEEN 4 AND 9;
SELECT u.name, amount FROM user u, orders WHERE u.id = user_id AND note LIKE 'note%' AND amount < 30;
SELECT o.id, u.id FROM orders o LEFT JOIN user u ON u.id = o.user_id WHERE o.id < 12;
SELECT o.id, u.id FROM orders o LEFT JOIN user u ON u.id = o.user_id AND u.age > 30 WHERE o.id IN (1, 2, 3, 50);
SELECT o.id, u.id FROM orders o LEFT JOIN user u ON u.id = o.user_id AND o.amount > 20 WHERE o.id < 40;
SELECT o.id, u.id FROM orders o LEFT JOIN user u ON u.id = o.user_id AND o.amount = 7;
SELECT u.id, o.id FROM user u LEFT JOIN orders o ON o.user_id = u.id AND o.id = 5 WHERE u.id < 20;
SELECT u.id, o.id FROM user u LEFT JOIN orders o ON o.user_id = u.id WHERE o.id = 5;
SELECT o.id, u.id FROM user u RIGHT JOIN orders o ON o.user_id = u.id WHERE o.id < 9 AND u.active = 1;
SELECT u.id, COUNT(*), SUM(o.amount) FROM orders o JOIN user u ON u.id = o.user_id WHERE o.id < 40 GROUP BY u.id;
SELECT COUNT(*) FROM orders o JOIN user u ON u.id = o.user_id WHERE o.note = 'nothing';
-- ordered
SELECT o.id, u.name FROM orders o JOIN user u ON u.id = o.user_id WHERE o.amount > 10 ORDER BY o.id DESC LIMIT 5;
-- params 5
SELECT u.id, o.id FROM orders o JOIN user u ON u.id = o.user_id WHERE o.id = ?;
-- params 'note3', 3
SELECT u.id, o.id FROM orders o JOIN user u ON u.id = o.user_id AND o.note = ? WHERE u.age > ?;

-- case join keys: over several tables, and where rows may be missing
SELECT a.id, b.id, u.id FROM orders a JOIN orders b ON b.user_id = a.user_id JOIN user u ON u.id = b.user_id WHERE a.id = 7;
SELECT a.id, b.id, u.id FROM orders a JOIN orders b ON b.id = a.id JOIN user u ON u.id = b.user_id WHERE a.id < 9 AND b.amount > 0;
SELECT a.id, u.id, b.id FROM orders a LEFT JOIN (user u JOIN orders b ON b.user_id = u.id) ON a.user_id = u.id WHERE b.note IS NULL AND a.id < 20;
SELECT a.id, u.id, b.id FROM orders a LEFT JOIN (user u JOIN orders b ON b.user_id = u.id AND b.id < 9) ON a.user_id = u.id WHERE a.id < 20;
SELECT a.id, u.id, b.id FROM orders a LEFT JOIN (user u JOIN orders b ON b.user_id = u.id) ON a.user_id = u.id WHERE b.id <=> NULL;
SELECT u.id FROM user u JOIN orders o ON o.user_id = u.id AND o.id = 5 WHERE EXISTS (SELECT 1 FROM orders p WHERE p.user_id = u.id AND p.id < 9);
SELECT d.id, d.n FROM (SELECT u.id, COUNT(*) n FROM user u JOIN orders o ON o.user_id = u.id WHERE o.id < 30 GROUP BY u.id) d ORDER BY d.id;

-- case join keys: beside an outer join, whose condition says nothing of the rows that stay
SELECT a.id, b.id, u.id FROM orders a LEFT JOIN orders b ON b.id = a.user_id AND b.amount < 10 JOIN user u ON u.id = a.user_id WHERE a.id < 40;

-- case join keys: of the table itself
SELECT a.id, b.id FROM user a JOIN user b ON b.id = a.score WHERE a.id = 5;
SELECT a.id, b.id FROM user a JOIN user b ON b.name = a.name WHERE a.id IN (5, 6) AND b.age > 1;
SELECT a.id, b.id FROM user a LEFT JOIN user b ON b.id = a.age WHERE a.name = 'name3';

-- case join keys: behind a temporary table
SELECT u.id, o.id FROM orders o JOIN user u ON u.id = o.user_id WHERE o.id = 5;
CREATE TEMPORARY TABLE orders (id INT PRIMARY KEY, user_id INT);
INSERT INTO orders VALUES (5, 3), (6, 4), (7, 400);
SELECT u.id, o.id FROM orders o JOIN user u ON u.id = o.user_id WHERE o.id = 5;
SELECT u.id, o.id FROM orders o LEFT JOIN user u ON u.id = o.user_id WHERE o.id > 5;
DROP TEMPORARY TABLE orders;
SELECT u.id, o.id FROM orders o JOIN user u ON u.id = o.user_id WHERE o.id = 5;

-- case join keys: where one reading may not agree with the next
SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED;
SELECT u.id, o.id FROM orders o JOIN user u ON u.id = o.user_id WHERE o.id = 5;
SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE;
BEGIN;
SELECT u.id, o.id FROM orders o JOIN user u ON u.id = o.user_id WHERE o.id = 5;
COMMIT;

-- case join keys: subqueries on another table
SELECT id FROM user WHERE id IN (SELECT user_id FROM orders WHERE note = 'note3');
SELECT id FROM user WHERE id NOT IN (SELECT user_id FROM orders);
SELECT COUNT(*), MAX(id) FROM user WHERE id IN (SELECT user_id FROM orders WHERE amount > 20);
SELECT u.id FROM user u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id AND o.id < 20) AND u.active = 0;
SELECT u.id FROM user u WHERE NOT EXISTS (SELECT * FROM orders WHERE user_id = u.id AND note LIKE 'note%');
SELECT id FROM user WHERE EXISTS (SELECT 1 FROM orders WHERE user_id = user.id AND name = 'name2' AND note = 'note1');
-- ordered
SELECT id, name FROM user WHERE id IN (SELECT o.user_id FROM orders o JOIN orders p ON p.id = o.user_id WHERE p.note = 'note1') ORDER BY id DESC LIMIT 3;
SELECT u.id, o.id FROM user u LEFT JOIN orders o ON o.user_id = u.id AND o.id < 9 WHERE u.id IN (SELECT p.user_id FROM orders p WHERE p.amount < 12);
-- params 'note2', 30
SELECT id FROM user WHERE id IN (SELECT user_id FROM orders WHERE note = ?) AND age > ?;
SELECT name FROM user WHERE name NOT IN (SELECT note FROM orders WHERE id < 3);
SELECT name FROM user WHERE name NOT IN (SELECT note FROM orders WHERE id < 4);
