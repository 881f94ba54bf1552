//! Redis addresses: checked where the configuration is read, completed with a password.

use redis::IntoConnectionInfo;

/// Checks a Redis URL.
///
/// # Errors
/// A message that says what is legal; it never repeats a password.
pub fn check_redis_url(url: &str) -> Result<(), String> {
    const FORM: &str =
        "write redis://host:port/0, rediss://host:port/0 for TLS, or unix:///path/to/redis.sock";
    match url.into_connection_info() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("this Redis URL cannot be used ({}); {FORM}", error.category())),
    }
}

/// Puts a password into a Redis URL that has none.
#[must_use]
pub fn with_redis_password(url: &str, password: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let host_end = rest.find('/').unwrap_or(rest.len());
    let (user, place) = match rest[..host_end].rfind('@') {
        Some(at) => (rest[..at].split(':').next().unwrap_or_default(), &rest[at + 1..]),
        None => ("", rest),
    };
    let encoded: String = password
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("{scheme}://{user}:{encoded}@{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_put_in_whatever_is_in_it() {
        let url = with_redis_password("redis://r:6379/0", "p@s/ü");
        assert_eq!(url, "redis://:p%40s%2F%C3%BC@r:6379/0");
        let info = url.as_str().into_connection_info().unwrap();
        assert_eq!(info.redis_settings().password(), Some("p@s/ü"));
        assert_eq!(with_redis_password("redis://u:x@r", "y"), "redis://u:y@r");
    }

    #[test]
    fn other_schemes_are_refused() {
        assert!(check_redis_url("redis://127.0.0.1:6379").is_ok());
        assert!(check_redis_url("http://127.0.0.1:6379").is_err());
    }
}
