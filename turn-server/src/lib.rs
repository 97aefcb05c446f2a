//! A STUN and TURN server: a sans-IO core and its shells
