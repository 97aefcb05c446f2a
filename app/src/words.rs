//! The language in which Hearth speaks to a person: chosen once, when it starts.
//!
//! The sentences are in `assets/locales`, one file a language, and are found by `t!`. What is written for programs and
//! for those who look into logs has no place here, and neither has the command line's help.

/// The compiler does not see that a macro reads these files; named here, a changed sentence is a changed crate.
const _: [&str; 2] = [include_str!("../../assets/locales/en.yml"), include_str!("../../assets/locales/zh-CN.yml")];

/// A language that there are sentences in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `en`, and anyone who speaks none of the others.
    English,
    /// `zh-CN`.
    Chinese,
}

impl Language {
    /// The language that was wished for, else the system's. Both are tags (`zh-CN`) or POSIX names (`zh_CN.UTF-8`); an
    /// empty setting is none.
    pub fn choose(wished: Option<&str>, system: Option<&str>) -> Self {
        let name = wished.filter(|name| !name.is_empty()).or(system).unwrap_or_default();
        let language = name.split(['-', '_', '.', '@']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("zh") { Self::Chinese } else { Self::English }
    }

    /// The language of `HEARTH_LANG`, else the system's.
    pub fn of_system() -> Self {
        Self::choose(std::env::var("HEARTH_LANG").ok().as_deref(), sys_locale::get_locale().as_deref())
    }

    /// From here on every sentence is in this language.
    pub fn speak(self) {
        rust_i18n::set_locale(self.tag());
    }

    /// As BCP 47 says it, and the name of its file.
    fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }
}

#[cfg(test)]
mod tests;
