//! Who may do what in the bank, in plain words: of two services, whether one may ask the other this.

/// A request of one service to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact {
    /// A service of the bank, or `namespace/service`.
    pub(super) from: &'static str,
    pub(super) method: &'static str,
    /// As `service/path`; a service of the mint is `stamps`.
    pub(super) what: &'static str,
    pub(super) header: Option<(&'static str, &'static str)>,
    pub(super) allowed: bool,
}

const fn may(from: &'static str, method: &'static str, what: &'static str) -> Fact {
    Fact { from, method, what, header: None, allowed: true }
}

const fn may_not(from: &'static str, method: &'static str, what: &'static str) -> Fact {
    Fact { from, method, what, header: None, allowed: false }
}

impl Fact {
    const fn with(self, name: &'static str, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }
}

/// A token that the key in bank.yaml proves; the key that signed it is nowhere.
const TOKEN: &str = concat!("Bearer ", include_str!("token.txt"));

/// The bank's own services.
pub(super) const FACTS: &[Fact] = &[
    // By principal and operation.
    may("web", "GET", "ledger/accounts/7"),
    may_not("web", "POST", "ledger/accounts/7"),
    may("teller", "POST", "ledger/accounts/7"),
    may_not("teller", "GET", "ledger/accounts"),
    may_not("reports", "GET", "ledger/accounts/7"),
    // By namespace and path; and one is kept out.
    may("web", "GET", "ledger/health"),
    may("teller", "GET", "ledger/health"),
    may_not("reports", "GET", "ledger/health"),
    // By service account; and what nobody may.
    may("web", "GET", "vault/gold"),
    may("reports", "GET", "vault/gold"),
    may_not("teller", "GET", "vault/gold"),
    may_not("web", "DELETE", "vault/gold"),
    // Operations alone.
    may("web", "GET", "quotes/quotes/eur"),
    may("reports", "GET", "quotes/quotes/eur"),
    may_not("web", "GET", "quotes/quotes/eur/now"),
    may_not("web", "POST", "quotes/quotes/eur"),
    // By conditions.
    may("web", "GET", "rates/").with("x-tier", "gold"),
    may("reports", "GET", "rates/").with("x-tier", "platinum"),
    may_not("reports", "GET", "rates/").with("x-tier", "platypus"),
    may_not("web", "GET", "rates/").with("x-tier", "lead"),
    may_not("web", "GET", "rates/"),
    // By the first part and the last part of a principal.
    may("reports", "POST", "cards/new"),
    may_not("reports", "POST", "cards/admin/new"),
    may_not("reports", "GET", "cards/new"),
    may("web", "GET", "cards/new"),
    // By a token.
    may("teller", "GET", "tokens/").with("authorization", TOKEN),
    may_not("teller", "GET", "tokens/").with("authorization", "Bearer nothing"),
    may_not("teller", "GET", "tokens/"),
    // An exception from STRICT, which has a policy still.
    may("teller", "GET", "status/status"),
    may_not("teller", "GET", "status/other"),
    // Of the whole mesh.
    may_not("web", "GET", "status/debug/heap"),
    may_not("web", "GET", "cards/debug"),
    // At the service of another team.
    may("web", "GET", "stamps/one"),
    may("teller", "GET", "stamps/one"),
    may_not("reports", "GET", "stamps/one"),
    // Another system, whose accounts have the same names.
    may("depot/web", "GET", "quotes/quotes/eur"),
    may("depot/clerk", "GET", "status/status"),
    may_not("depot/web", "GET", "ledger/accounts/7"),
    may_not("depot/web", "GET", "ledger/health"),
    may_not("depot/web", "GET", "vault/gold"),
    may_not("depot/web", "GET", "cards/new"),
    may_not("depot/web", "GET", "stamps/one"),
    may_not("depot/clerk", "GET", "rates/").with("x-tier", "gold"),
    may_not("depot/clerk", "GET", "tokens/").with("authorization", TOKEN),
];
