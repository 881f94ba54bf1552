//! Follows an answer through its bytes until it ends.
