//! Hearth's desktop client: the shell round the call, and the window
