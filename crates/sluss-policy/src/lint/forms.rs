//! Forms that the linter looks for: minimums of rows, and what engines read differently.

use regorus::unstable::{BoolOp, Expr, Literal, LiteralStmt, Query};

use super::facts::{Place, place, squeezed};

/// Whether a format is a text whose verbs are `%s` and `%v`: others lose signs or bits in one
/// engine or another, and a width makes much out of little.
pub(super) fn is_plain_format(format: &Expr) -> bool {
    let (Expr::String { value, .. } | Expr::RawString { value, .. }) = format else { return false };
    let Ok(text) = value.as_string() else { return false };
    let text = text.replace("%%", "");
    text.split('%').skip(1).all(|verb| verb.starts_with(['s', 'v']))
}

/// The `some … in` of a query; only those with a key where `keyed`.
pub(super) fn somes(query: &Query, keyed: bool) -> Vec<Place> {
    let some = |stmt: &LiteralStmt| match &stmt.literal {
        Literal::SomeIn { span, key, .. } if !keyed || key.is_some() => Some(place(span)),
        _ => None,
    };
    query.stmts.iter().filter_map(some).collect()
}

/// The list of which a statement asks for at least one row: `count(list) > 0` and its like.
pub(super) fn minimum(stmt: &LiteralStmt) -> Option<String> {
    let Literal::Expr { expr, .. } = &stmt.literal else { return None };
    let Expr::BoolExpr { op, lhs, rhs, .. } = expr.as_ref() else { return None };
    let (list, op, number) = match (counted(lhs), counted(rhs)) {
        (Some(list), None) => (list, op.clone(), whole(rhs)?),
        (None, Some(list)) => (list, mirrored(op), whole(lhs)?),
        _ => return None,
    };
    let asks = match op {
        BoolOp::Gt => true,
        BoolOp::Ge | BoolOp::Eq => number >= 1,
        BoolOp::Ne => number == 0,
        BoolOp::Lt | BoolOp::Le => false,
    };
    asks.then_some(list)
}

fn counted(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Call { fcn, params, .. } if fcn.span().text() == "count" => {
            params.first().map(|list| squeezed(list.span().text()))
        }
        _ => None,
    }
}

fn whole(expr: &Expr) -> Option<u64> {
    match expr {
        Expr::Number { span, .. } => span.text().parse().ok(),
        _ => None,
    }
}

fn mirrored(op: &BoolOp) -> BoolOp {
    match op {
        BoolOp::Lt => BoolOp::Gt,
        BoolOp::Le => BoolOp::Ge,
        BoolOp::Eq => BoolOp::Eq,
        BoolOp::Ge => BoolOp::Le,
        BoolOp::Gt => BoolOp::Lt,
        BoolOp::Ne => BoolOp::Ne,
    }
}
