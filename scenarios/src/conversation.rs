//! Steps of several exchanges, written as straight lines.
