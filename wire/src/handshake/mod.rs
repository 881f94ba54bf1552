//! The greeting, the answer to it, and the authentication exchange.
