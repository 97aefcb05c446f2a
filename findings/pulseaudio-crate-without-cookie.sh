#!/usr/bin/env bash
# The crate pulseaudio 0.3.2, which cpal 0.18.2 stands on, and a PulseAudio 16.1 that lets anybody in (auth-anonymous=1).
# A good engineer's guess: such a server needs no cookie, so a client without a cookie file gets in, as every client of libpulse does.
# Seen: the crate sends an empty cookie, and the server hangs up on any that has not 256 bytes, before it looks whether one is needed. With
# 256 bytes of zeros it lets the crate in. (libpulse makes a file for whoever has none.) cpal then falls back to ALSA, whose plugin leads
# to the same server by libpulse: where there is no microphone, its "default" is what the speakers play.
# Needs root for apt, and cargo.
set -euo pipefail
command -v pulseaudio >/dev/null || { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends pulseaudio; }
pulseaudio --version
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
mkdir -p "$folder/client/src" "$folder/home"
cat >"$folder/client/Cargo.toml" <<'TOML'
[package]
name = "client"
version = "0.0.0"
edition = "2021"

[dependencies]
pulseaudio = "=0.3.2"

[workspace]
TOML
cat >"$folder/client/src/main.rs" <<'RUST'
fn main() {
    match pulseaudio::Client::from_env(c"finding") {
        Ok(_) => println!("let in"),
        Err(error) => println!("refused: {error}"),
    }
}
RUST
cargo build --quiet --manifest-path "$folder/client/Cargo.toml"
HOME=$folder XDG_RUNTIME_DIR=$folder pulseaudio -n --daemonize=no --exit-idle-time=-1 --use-pid-file=no --log-level=error \
    -L "module-native-protocol-unix auth-anonymous=1 socket=$folder/native" -L "module-null-sink" &
server=$!
for _ in $(seq 100); do [ -S "$folder/native" ] && break; sleep 0.1; done
head -c 256 /dev/zero >"$folder/zeros"
connect() { env HOME="$folder/home" PULSE_SERVER="unix:$folder/native" "$@" "$folder/client/target/debug/client"; }
without=$(connect) with=$(connect PULSE_COOKIE="$folder/zeros")
echo "without a cookie: $without"
echo "with zeros:       $with"
# without a cookie: refused: ...
# with zeros:       let in
[[ $without == refused* && $with == "let in" ]] || { echo "this has changed"; exit 1; }
