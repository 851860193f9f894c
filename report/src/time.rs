//! Seconds as people say them.

/// Prints seconds in three or four digits: `850ms`, `12.3s`, `12m 34s`, `1h 02m`.
pub fn spoken(seconds: f64) -> String {
    let millis = (seconds * 1e3).round() as u64;
    if millis < 1_000 {
        return format!("{millis}ms");
    }
    let tenths = (seconds * 10.0).round();
    if tenths < 600.0 {
        return format!("{:.1}s", tenths / 10.0);
    }
    let whole = seconds.round() as u64;
    if whole < 3_600 {
        return format!("{}m {:02}s", whole / 60, whole % 60);
    }
    let minutes = (seconds / 60.0).round() as u64;
    format!("{}h {:02}m", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(0.0, "0ms")]
    #[case::nothing_with_a_sign(-0.0, "0ms")]
    #[case::milliseconds(0.85, "850ms")]
    #[case::almost_a_second(0.9996, "1.0s")]
    #[case::seconds(12.34, "12.3s")]
    #[case::almost_a_minute(59.96, "1m 00s")]
    #[case::minutes(754.4, "12m 34s")]
    #[case::almost_an_hour(3_599.7, "1h 00m")]
    #[case::hours(3_725.0, "1h 02m")]
    fn says_seconds(#[case] seconds: f64, #[case] text: &str) {
        assert_eq!(spoken(seconds), text);
    }
}
