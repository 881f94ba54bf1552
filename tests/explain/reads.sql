-- Typical reads of a table whose rows are in four shards; tests/tests/scatter_cost.rs shows how the server reads each.
-- A line is a statement. `member` is sharded by `id`; `visit`, with primary key `id`, by `member_id`; `orders` is not.

-- Conditions with constants
SELECT * FROM member WHERE name = 'name7'
SELECT id, age FROM member WHERE age BETWEEN 30 AND 31 AND name <> 'x'
SELECT * FROM member WHERE email LIKE 'u12%'
SELECT * FROM member WHERE email = 'u5@example.org' OR email = 'u6@example.org'
SELECT * FROM member WHERE name = 'name7' AND joined >= '2024-01-05'
SELECT COUNT(*) FROM member WHERE name = 'name7'

-- The shard key, and keys that are not
SELECT * FROM member WHERE id = 5
SELECT * FROM member WHERE id IN (1, 5, 9)
SELECT * FROM member WHERE id IN (1, 2)
SELECT * FROM visit WHERE id = 5
SELECT * FROM visit WHERE id IN (5, 6, 7)
SELECT * FROM visit WHERE member_id = 5

-- The first rows in an order
SELECT * FROM member ORDER BY id LIMIT 10
SELECT * FROM member ORDER BY id DESC LIMIT 10
SELECT * FROM member ORDER BY name LIMIT 10
SELECT id FROM member WHERE name = 'name7' ORDER BY id DESC LIMIT 5
SELECT id, age FROM member WHERE age > 60 ORDER BY age, id LIMIT 3, 4

-- Aggregates
SELECT COUNT(*) FROM member
SELECT MIN(id), MAX(id) FROM member
SELECT MAX(age) FROM member
SELECT SUM(votes), MAX(age) FROM member WHERE name = 'name7'
SELECT name, COUNT(*) FROM member GROUP BY name
SELECT DISTINCT name FROM member

-- Joins
SELECT o.id, m.name FROM orders o JOIN member m ON m.id = o.member_id WHERE o.id = 5
SELECT o.id, m.name FROM orders o JOIN member m ON m.id = o.member_id WHERE o.note = 'note7'
SELECT o.id, m.name FROM orders o LEFT JOIN member m ON m.id = o.member_id WHERE o.note = 'note7'
SELECT m.name, v.page FROM member m JOIN visit v ON v.member_id = m.id WHERE m.id = 5
SELECT m.name, v.page FROM member m JOIN visit v ON v.member_id = m.id WHERE m.name = 'name7'
SELECT id FROM member WHERE id IN (SELECT member_id FROM orders WHERE note = 'note7')
SELECT o.id FROM orders o WHERE o.note = 'note7' AND EXISTS (SELECT 1 FROM member m WHERE m.id = o.member_id AND m.age > 30)
