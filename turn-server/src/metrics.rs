//! Counters as Prometheus reads them. No label names a user, an address or a room.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::Stats;

/// All figures of a server, as one text.
pub fn text(stats: &Stats) -> String {
    let mut registry = Registry::with_prefix("hearth_turn");
    register(&mut registry, stats);
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        text.clear(); // a text takes whatever is written into it
    }
    text
}

/// Puts the figures into a registry, which may have others.
pub fn register(registry: &mut Registry, stats: &Stats) {
    let allocations = i64::try_from(stats.allocations).unwrap_or(i64::MAX);
    registry.register("allocations", "Allocations that stand", ConstGauge::new(allocations));
    let rows = [traffic(stats), requests(stats), refused(stats), dropped(stats)].concat();
    for (name, help, value) in rows {
        registry.register(name, help, ConstCounter::new(value));
    }
}

type Row = (&'static str, &'static str, u64);

fn traffic(stats: &Stats) -> Vec<Row> {
    vec![
        ("allocated", "Allocations ever made", stats.allocated),
        ("moved", "Allocations that followed their client to another address", stats.moved),
        ("to_peers_bytes", "Bytes relayed to peers", stats.to_peers.bytes),
        ("from_peers_bytes", "Bytes relayed from peers", stats.from_peers.bytes),
        ("to_peers_datagrams", "Datagrams relayed to peers", stats.to_peers.datagrams),
        ("from_peers_datagrams", "Datagrams relayed from peers", stats.from_peers.datagrams),
        ("tcp_connections", "TCP connections with peers that ever stood", stats.connections),
        ("tcp_to_peers_bytes", "Bytes carried to peers on those", stats.carried_to_peers),
        ("tcp_from_peers_bytes", "Bytes carried from peers on those", stats.carried_from_peers),
    ]
}

fn requests(stats: &Stats) -> Vec<Row> {
    let requests = &stats.requests;
    vec![
        ("requests_binding", "Binding requests", requests.binding),
        ("requests_allocate", "Allocate requests", requests.allocate),
        ("requests_refresh", "Refresh requests", requests.refresh),
        ("requests_create_permission", "CreatePermission requests", requests.create_permission),
        ("requests_channel_bind", "ChannelBind requests", requests.channel_bind),
        ("requests_connect", "Connect requests", requests.connect),
        ("requests_signed", "Requests that a shared secret signed rightly", stats.signed),
        ("requests_connection_bind", "ConnectionBind requests", requests.connection_bind),
    ]
}

fn refused(stats: &Stats) -> Vec<Row> {
    let refused = &stats.refused;
    vec![
        ("refused_bad_request", "Requests that contradict themselves or what stands", refused.bad_request),
        ("refused_unauthorized", "Requests without good credentials, first ones included", refused.unauthorized),
        ("refused_expired", "Among those, credentials whose time is over", refused.expired),
        ("refused_signature", "Among those, names that no shared secret signed", refused.signature),
        ("refused_forbidden", "Requests for a peer that the policy forbids", refused.forbidden),
        ("refused_unknown_attribute", "Requests with something that had to be understood", refused.unknown_attribute),
        ("refused_mismatch", "Requests for an allocation that is not there, or is", refused.mismatch),
        ("refused_stale_nonce", "Requests with an old nonce, or somebody else's", refused.stale_nonce),
        ("refused_unsupported", "Requests for a family or transport that does not fit", refused.unsupported),
        ("refused_wrong_credentials", "Requests for an allocation of another user", refused.wrong_credentials),
        ("refused_quota", "Requests beyond a quota, and Connect requests too soon after others", refused.quota),
        ("refused_capacity", "Requests for which there was no port or no room", refused.capacity),
        ("refused_unreachable", "Connect requests for a peer that did not answer", refused.unreachable),
        ("refused_connections", "Clients' connections that were too many or too slow", refused.connections),
        ("suppressed", "Answers to strangers that were not sent, for too many went there", refused.suppressed),
    ]
}

fn dropped(stats: &Stats) -> Vec<Row> {
    let dropped = &stats.dropped;
    vec![
        ("dropped_malformed", "Datagrams that are no message", dropped.malformed),
        ("dropped_unexpected", "Messages that no client sends", dropped.unexpected),
        ("dropped_no_allocation", "Datagrams of nobody's allocation", dropped.no_allocation),
        ("dropped_no_permission", "Datagrams between two that have no permission", dropped.no_permission),
        ("dropped_no_channel", "Datagrams on a channel that is not bound", dropped.no_channel),
        ("dropped_own_address", "Datagrams to this server itself", dropped.own_address),
        ("dropped_limited", "Datagrams beyond an allocation's rate", dropped.limited),
        ("dropped_oversized", "Datagrams too long to be wrapped", dropped.oversized),
        ("dropped_congested", "Datagrams for which a queue had no room", dropped.congested),
        ("dropped_unsent", "Datagrams that the system did not take", dropped.unsent),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_among_the_figures() {
        let json = serde_json::to_value(Stats::default()).unwrap();
        let count = |value: &serde_json::Value| value.as_object().map_or(1, serde_json::Map::len);
        let counters: usize = json.as_object().unwrap().values().map(count).sum();
        let text = text(&Stats::default());
        assert_eq!(text.lines().filter(|line| line.starts_with("# TYPE")).count(), counters, "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
