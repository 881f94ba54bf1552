//! sql-rewrite
