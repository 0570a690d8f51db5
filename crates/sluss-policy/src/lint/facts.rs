//! What stands in a module, read off its syntax tree: references, calls, `every`s and bindings.
//!
//! Nothing is evaluated, so a branch that is never reached is read like any other.

use regorus::unstable::{
    AssignOp, Expr, Literal, LiteralStmt, Module, Query, Ref, Rule, RuleBody, RuleHead, Span,
};

use super::forms::{is_plain_format, minimum, somes};

/// A place in a file, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) col: u32,
}

/// One step of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A field that is named.
    Field(String),
    /// A row, or a field that is only known when it is evaluated.
    Any,
}

/// A reference such as `input.findings[_].severity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) root: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) at: Place,
    /// Whether the rule's body fails when it has no value.
    pub(crate) positive: bool,
}

/// A call of a function.
#[derive(Debug, Clone)]
pub(crate) struct CallFact {
    pub(crate) name: String,
    pub(crate) at: Place,
    pub(crate) first: Option<Reference>,
}

/// An `every`.
#[derive(Debug, Clone)]
pub(crate) struct EveryFact {
    /// Its list, as written, without spaces.
    pub(crate) domain: String,
    pub(crate) at: Place,
    /// Whether a statement beside it asks for a minimum of rows.
    pub(crate) counted: bool,
}

/// A variable that takes its value from a reference.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    pub(crate) variable: String,
    pub(crate) from: Reference,
}

/// What stands in one rule.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) references: Vec<Reference>,
    pub(crate) calls: Vec<CallFact>,
    pub(crate) everies: Vec<EveryFact>,
    pub(crate) withs: Vec<Place>,
    pub(crate) bindings: Vec<Binding>,
    /// Names that the rule declares.
    pub(crate) declared: Vec<(String, Place)>,
    /// Forms that engines read differently.
    pub(crate) unportable: Vec<Place>,
    /// Names after a bare `some`, which something else has to give a value.
    pub(crate) somes: Vec<(String, Place)>,
    /// Names that take a value by standing in a bracket or beside `=`.
    pub(crate) loose: Vec<String>,
    /// Lines on which its statements begin.
    pub(crate) lines: Vec<u32>,
    /// Lists of which its body asks for a minimum of rows.
    pub(crate) minimums: Vec<String>,
}

/// What kind of rule it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `default x := …`, with the value as written.
    Default(String),
    /// `x if …`; whether every value that it can have is `true`.
    Complete { always_true: bool },
    /// `x contains …`.
    Set,
    /// `x[key] := …`.
    Object,
    /// `x(…)`.
    Function,
}

/// One rule.
#[derive(Debug)]
pub(crate) struct RuleFacts {
    pub(crate) name: String,
    pub(crate) at: Place,
    pub(crate) shape: Shape,
    /// For each body, the variables that stand alone as a statement.
    pub(crate) bodies: Vec<Vec<String>>,
    pub(crate) facts: Facts,
}

/// One import.
#[derive(Debug)]
pub(crate) struct ImportFact {
    pub(crate) path: Vec<String>,
    pub(crate) alias: String,
    pub(crate) at: Place,
}

/// One file.
#[derive(Debug)]
pub(crate) struct ModuleFacts {
    pub(crate) file: String,
    pub(crate) package: Vec<String>,
    pub(crate) at: Place,
    pub(crate) imports: Vec<ImportFact>,
    pub(crate) rules: Vec<RuleFacts>,
}

impl ModuleFacts {
    /// Whether it holds tests.
    pub(crate) fn is_test(&self) -> bool {
        self.file.ends_with("_test.rego")
    }

    /// Reads a module.
    pub(crate) fn of(file: &str, module: &Module) -> Self {
        let package = chain(&module.package.refr, false);
        Self {
            file: file.to_owned(),
            at: place(&module.package.span),
            package: package.map(|(reference, _)| full(&reference)).unwrap_or_default(),
            imports: module
                .imports
                .iter()
                .map(|import| {
                    let path =
                        chain(&import.refr, false).map(|(of, _)| full(&of)).unwrap_or_default();
                    let alias = match &import.r#as {
                        Some(name) => name.text().to_owned(),
                        None => path.last().cloned().unwrap_or_default(),
                    };
                    ImportFact { path, alias, at: place(&import.span) }
                })
                .collect(),
            rules: module.policy.iter().map(|rule| rule_facts(rule)).collect(),
        }
    }
}

/// All steps of a reference that names every one of them.
fn full(reference: &Reference) -> Vec<String> {
    let named = reference.steps.iter().map(|step| match step {
        Step::Field(name) => name.clone(),
        Step::Any => "*".to_owned(),
    });
    std::iter::once(reference.root.clone()).chain(named).collect()
}

pub(crate) fn place(span: &Span) -> Place {
    Place { line: span.line, col: span.col }
}

pub(super) fn squeezed(text: &str) -> String {
    text.chars().filter(|each| !each.is_whitespace()).collect()
}

fn name_of(expr: &Expr) -> String {
    chain(expr, false).map(|(reference, _)| reference.root).unwrap_or_default()
}

fn rule_facts(rule: &Rule) -> RuleFacts {
    let at = place(rule.span());
    let mut facts = Facts::default();
    let (name, shape, bodies) = match rule {
        Rule::Default { refr, args, value, .. } => {
            facts.arguments(args);
            facts.expr(value, false);
            (name_of(refr), Shape::Default(squeezed(value.span().text())), Vec::new())
        }
        Rule::Spec { head, bodies, .. } => {
            let (name, shape) = facts.head(head, bodies);
            for body in bodies {
                if let Some(assign) = &body.assign {
                    facts.expr(&assign.value, false);
                }
                facts.query(&body.query, true);
            }
            (name, shape, bodies.iter().map(|body| alone(&body.query)).collect())
        }
    };
    RuleFacts { name, at, shape, bodies, facts }
}

/// The variables that stand alone as a statement of a query.
fn alone(query: &Query) -> Vec<String> {
    let variable = |stmt: &LiteralStmt| match &stmt.literal {
        Literal::Expr { expr, .. } if stmt.with_mods.is_empty() => match expr.as_ref() {
            Expr::Var { span, .. } => Some(span.text().to_owned()),
            _ => None,
        },
        _ => None,
    };
    query.stmts.iter().filter_map(variable).collect()
}

fn is_true(expr: &Expr) -> bool {
    matches!(expr, Expr::Bool { span, .. } if span.text() == "true")
}

impl Facts {
    fn head(&mut self, head: &RuleHead, bodies: &[RuleBody]) -> (String, Shape) {
        match head {
            RuleHead::Compr { refr, assign, .. } => {
                if let Some(assign) = assign {
                    self.expr(&assign.value, false);
                }
                let values = assign.iter().chain(bodies.iter().filter_map(|it| it.assign.as_ref()));
                let always_true = values.into_iter().all(|value| is_true(&value.value));
                let plain = matches!(refr.as_ref(), Expr::Var { .. });
                self.indexes(refr);
                let shape = if plain { Shape::Complete { always_true } } else { Shape::Object };
                (name_of(refr), shape)
            }
            RuleHead::Set { refr, key, .. } => {
                if let Some(key) = key {
                    self.expr(key, false);
                }
                (name_of(refr), Shape::Set)
            }
            RuleHead::Func { refr, args, assign, .. } => {
                self.arguments(args);
                if let Some(assign) = assign {
                    self.expr(&assign.value, false);
                }
                let path = chain(refr, false).map(|(of, _)| full(&of).join("."));
                (path.unwrap_or_default(), Shape::Function)
            }
        }
    }

    fn arguments(&mut self, arguments: &[Ref<Expr>]) {
        for argument in arguments {
            self.pattern(argument);
        }
    }

    fn indexes(&mut self, refr: &Expr) {
        if let Some((_, indexes)) = chain(refr, false) {
            for index in indexes {
                self.expr(index, false);
            }
        }
    }

    /// Reads a query; `positive` says whether a rule's body fails when one of its statements does.
    fn query(&mut self, query: &Query, positive: bool) {
        let minimums: Vec<String> = query.stmts.iter().filter_map(minimum).collect();
        for stmt in &query.stmts {
            self.lines.push(stmt.span.line);
            self.withs.extend(stmt.with_mods.iter().map(|with| place(&with.span)));
            for with in &stmt.with_mods {
                self.expr(&with.r#as, false);
            }
            match &stmt.literal {
                Literal::SomeVars { vars, .. } => {
                    self.somes.extend(vars.iter().map(|name| (name.text().to_owned(), place(name))))
                }
                Literal::SomeIn { key, value, collection, .. } => {
                    if let Some(key) = key {
                        self.pattern(key);
                    }
                    self.pattern(value);
                    self.row(value.span().text(), collection);
                    self.expr(collection, false);
                }
                Literal::Expr { expr, .. } => self.expr(expr, positive),
                Literal::NotExpr { expr, .. } => self.expr(expr, false),
                Literal::Every { span, key, value, domain, query } => {
                    for name in key.iter().chain([value]) {
                        self.declared.push((name.text().to_owned(), place(name)));
                    }
                    self.row(value.text(), domain);
                    let list = squeezed(domain.span().text());
                    let counted = minimums.contains(&list);
                    self.everies.push(EveryFact { domain: list, at: place(span), counted });
                    self.unportable.extend(somes(query, false));
                    self.expr(domain, false);
                    self.query(query, false);
                }
            }
        }
        if positive {
            self.minimums.extend(minimums);
        }
    }

    /// Names in a pattern are declared by it.
    fn pattern(&mut self, pattern: &Expr) {
        match pattern {
            Expr::Var { span, .. } => self.declared.push((span.text().to_owned(), place(span))),
            Expr::Array { items, .. } => items.iter().for_each(|item| self.pattern(item)),
            Expr::Object { fields, .. } => {
                fields.iter().for_each(|(_, _, value)| self.pattern(value));
            }
            other => self.expr(other, false),
        }
    }

    /// A variable stands for the rows of a list.
    fn row(&mut self, variable: &str, list: &Expr) {
        if let Some((mut from, _)) = chain(list, false) {
            from.steps.push(Step::Any);
            self.bindings.push(Binding { variable: variable.to_owned(), from });
        }
    }

    /// Names that `=` or a bracket may give a value to.
    fn loosen(&mut self, expr: &Expr) {
        match expr {
            Expr::Var { span, .. } => self.loose.push(span.text().to_owned()),
            Expr::Array { items, .. } => items.iter().for_each(|item| self.loosen(item)),
            Expr::Object { fields, .. } => {
                fields.iter().for_each(|(_, _, value)| self.loosen(value));
            }
            _ => {}
        }
    }

    fn exprs<'a>(&mut self, all: impl IntoIterator<Item = &'a Ref<Expr>>, positive: bool) {
        for each in all {
            self.expr(each, positive);
        }
    }

    fn expr(&mut self, expr: &Expr, positive: bool) {
        match expr {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => {}
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                self.reference(expr, positive);
            }
            Expr::Array { items, .. } | Expr::Set { items, .. } => self.exprs(items, positive),
            Expr::Object { fields, .. } => {
                for (_, key, value) in fields {
                    self.exprs([key, value], positive);
                }
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.unportable.extend(somes(query, true));
                self.expr(term, false);
                self.query(query, false);
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                self.unportable.extend(somes(query, true));
                self.exprs([key, value], false);
                self.query(query, false);
            }
            Expr::Call { fcn, params, span, .. } => self.call(fcn, params, span, positive),
            Expr::UnaryExpr { expr, .. } => self.expr(expr, positive),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. } => self.exprs([lhs, rhs], positive),
            Expr::AssignExpr { op, lhs, rhs, .. } => {
                if *op == AssignOp::ColEq {
                    self.pattern(lhs);
                    if let (Expr::Var { span, .. }, Some((from, _))) =
                        (lhs.as_ref(), chain(rhs, false))
                    {
                        let variable = span.text().to_owned();
                        self.bindings.push(Binding { variable, from });
                    }
                } else {
                    self.loosen(lhs);
                    self.loosen(rhs);
                    self.expr(lhs, positive);
                }
                self.expr(rhs, positive);
            }
            Expr::Membership { key, value, collection, .. } => {
                self.exprs(key.iter().chain([value, collection]), positive);
            }
        }
    }

    fn reference(&mut self, expr: &Expr, positive: bool) {
        match chain(expr, positive) {
            Some((reference, indexes)) => {
                self.references.push(reference);
                for index in indexes {
                    self.loosen(index);
                    self.expr(index, false);
                }
            }
            None => match expr {
                Expr::RefDot { refr, .. } => self.expr(refr, positive),
                Expr::RefBrack { refr, index, .. } => self.exprs([refr, index], positive),
                _ => {}
            },
        }
    }

    fn call(&mut self, fcn: &Expr, params: &[Ref<Expr>], span: &Span, positive: bool) {
        let name = chain(fcn, false).map(|(reference, _)| full(&reference).join("."));
        let first = params.first().and_then(|first| chain(first, false)).map(|(of, _)| of);
        let name = name.unwrap_or_else(|| fcn.span().text().to_owned());
        if name == "sprintf" && !params.first().is_some_and(|it| is_plain_format(it)) {
            self.unportable.push(place(span));
        }
        self.calls.push(CallFact { name, at: place(span), first });
        self.exprs(params, positive);
    }
}

/// A reference's root and steps, and what stands in its brackets besides names.
fn chain(expr: &Expr, positive: bool) -> Option<(Reference, Vec<&Expr>)> {
    let mut steps = Vec::new();
    let mut indexes = Vec::new();
    let mut here = expr;
    loop {
        match here {
            Expr::Var { span, .. } => {
                steps.reverse();
                let root = span.text().to_owned();
                return Some((Reference { root, steps, at: place(span), positive }, indexes));
            }
            Expr::RefDot { refr, field, .. } => {
                steps.push(Step::Field(field.0.text().to_owned()));
                here = refr;
            }
            Expr::RefBrack { refr, index, .. } => {
                match index.as_ref() {
                    Expr::String { value, .. } | Expr::RawString { value, .. } => {
                        let name = value.as_string().map(|name| name.to_string());
                        steps.push(Step::Field(name.unwrap_or_default()));
                    }
                    other => {
                        steps.push(Step::Any);
                        indexes.push(other);
                    }
                }
                here = refr;
            }
            _ => return None,
        }
    }
}
