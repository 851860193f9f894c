//! What keeps a machine from making namespaces, each with its remedy.

use std::fs;

use nix::errno::Errno;

use crate::LiveError;

/// What keeps this machine from a live run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// `kernel.unprivileged_userns_clone` is 0.
    UserNamespacesOff,
    /// `user.max_user_namespaces` is 0, or as many exist as may.
    UserNamespacesLimited,
    /// AppArmor takes the rights of user namespaces away, as Ubuntu 24.04 does.
    AppArmor,
    /// A system-call filter refuses namespaces, as Docker's default one does.
    SystemCallFilter,
    /// Refused, and nothing the system shows says why.
    Refused(Errno),
}

/// What the system shows of why it may refuse namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Signs {
    clone_is_off: bool,
    limit_is_zero: bool,
    apparmor_restricts: bool,
    filtered: bool,
}

impl Obstacle {
    /// Finds out why namespaces were refused.
    pub(super) fn of_namespaces(errno: Errno) -> LiveError {
        LiveError::Obstacle(Self::behind(errno, Signs::read()))
    }

    fn behind(errno: Errno, signs: Signs) -> Self {
        if signs.clone_is_off {
            Self::UserNamespacesOff
        } else if signs.limit_is_zero || matches!(errno, Errno::ENOSPC | Errno::EUSERS) {
            Self::UserNamespacesLimited
        } else if signs.apparmor_restricts {
            Self::AppArmor
        } else if signs.filtered {
            Self::SystemCallFilter
        } else {
            Self::Refused(errno)
        }
    }

    /// What a user can do about it, as a sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::UserNamespacesOff => {
                "Run `sudo sysctl kernel.unprivileged_userns_clone=1`, or run benchcar as root."
            }
            Self::UserNamespacesLimited => {
                "Run `sudo sysctl user.max_user_namespaces=15000`, or run benchcar as root."
            }
            Self::AppArmor => {
                "Run `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, give benchcar an \
                 AppArmor profile with `userns,`, or run it as root."
            }
            Self::SystemCallFilter => {
                "Start the container with `--security-opt seccomp=unconfined --cap-add SYS_ADMIN \
                 --cap-add NET_ADMIN`, or run outside of it."
            }
            Self::Refused(_) => {
                "Run benchcar as root, or where user namespaces are allowed; without --live it \
                 needs neither."
            }
        }
    }
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UserNamespacesOff => {
                f.write_str("user namespaces are off (kernel.unprivileged_userns_clone is 0)")
            }
            Self::UserNamespacesLimited => f.write_str(
                "no more user namespaces may be made (user.max_user_namespaces is 0 or reached)",
            ),
            Self::AppArmor => f.write_str(
                "AppArmor takes user namespaces their rights \
                 (kernel.apparmor_restrict_unprivileged_userns is 1)",
            ),
            Self::SystemCallFilter => {
                f.write_str("a system-call filter of this container refuses namespaces")
            }
            Self::Refused(errno) => write!(f, "the system refuses namespaces: {}", errno.desc()),
        }
    }
}

impl Signs {
    fn read() -> Self {
        let is = |name: &str, value: &str| {
            fs::read_to_string(format!("/proc/sys/{name}")).is_ok_and(|text| text.trim() == value)
        };
        Self {
            clone_is_off: is("kernel/unprivileged_userns_clone", "0"),
            limit_is_zero: is("user/max_user_namespaces", "0"),
            apparmor_restricts: is("kernel/apparmor_restrict_unprivileged_userns", "1"),
            filtered: fs::read_to_string("/proc/self/status").is_ok_and(|text| is_filtered(&text)),
        }
    }
}

/// Whether a process has a system-call filter, by what the kernel shows of its state.
fn is_filtered(status: &str) -> bool {
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
    mode.is_some_and(|mode| mode.trim() != "0")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NONE: Signs = Signs {
        clone_is_off: false,
        limit_is_zero: false,
        apparmor_restricts: false,
        filtered: false,
    };

    #[rstest]
    #[case::off(Errno::EPERM, Signs { clone_is_off: true, filtered: true, ..NONE }, Obstacle::UserNamespacesOff)]
    #[case::none_allowed(Errno::ENOSPC, Signs { limit_is_zero: true, ..NONE }, Obstacle::UserNamespacesLimited)]
    #[case::all_taken(Errno::ENOSPC, NONE, Obstacle::UserNamespacesLimited)]
    #[case::ubuntu(Errno::EPERM, Signs { apparmor_restricts: true, ..NONE }, Obstacle::AppArmor)]
    #[case::docker(Errno::EPERM, Signs { filtered: true, ..NONE }, Obstacle::SystemCallFilter)]
    #[case::unknown(Errno::EPERM, NONE, Obstacle::Refused(Errno::EPERM))]
    fn the_signs_tell_the_obstacle(
        #[case] errno: Errno,
        #[case] signs: Signs,
        #[case] obstacle: Obstacle,
    ) {
        assert_eq!(Obstacle::behind(errno, signs), obstacle);
    }

    #[rstest]
    #[case::filtered("Name:\tbenchcar\nSeccomp:\t2\nSeccomp_filters:\t1\n", true)]
    #[case::free("Name:\tbenchcar\nSeccomp:\t0\nSeccomp_filters:\t0\n", false)]
    #[case::not_told("Name:\tbenchcar\n", false)]
    fn a_filter_is_seen_in_the_status(#[case] status: &str, #[case] filtered: bool) {
        assert_eq!(is_filtered(status), filtered);
    }
}
