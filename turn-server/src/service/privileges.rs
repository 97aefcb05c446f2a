//! Another user once everything is bound, as coturn's `proc-user` and `proc-group` have it.

use hearth_turn::settings::IgnoredSetting;

/// Becomes that user and group, where any is named.
#[cfg(unix)]
pub(super) fn drop_to(to: &IgnoredSetting) -> anyhow::Result<()> {
    use anyhow::Context as _;
    use nix::unistd::{Group, User, setgid, setgroups, setuid};

    let refused = "the process may not become another user; start it as root, or leave proc-user and proc-group out";
    let user = match &to.user {
        None => None,
        Some(name) => {
            let found = User::from_name(name).ok().flatten();
            Some(found.with_context(|| format!("there is no user {name} on this machine; correct proc-user"))?)
        }
    };
    let group = match &to.group {
        None => user.as_ref().map(|user| user.gid),
        Some(name) => {
            let found = Group::from_name(name).ok().flatten();
            Some(found.with_context(|| format!("there is no group {name} on this machine; correct proc-group"))?.gid)
        }
    };
    if let Some(group) = group {
        setgroups(&[group]).and_then(|()| setgid(group)).context(refused)?;
    }
    if let Some(user) = user {
        setuid(user.uid).context(refused)?;
    }
    Ok(())
}

/// There are no such users here.
#[cfg(not(unix))]
pub(super) fn drop_to(to: &IgnoredSetting) -> anyhow::Result<()> {
    anyhow::ensure!(*to == Dropped::default(), "this system knows no proc-user and proc-group; leave them out");
    Ok(())
}
