//! flag-client
