//! A Rust function as a tool.

use std::future::Future;

use serde_json::Value;
use steersman_core::{BoxFuture, Contract};
use steersman_scope::{Dispatch, Tool, ToolFault};

type Body = Box<dyn Fn(Dispatch) -> BoxFuture<'static, Result<String, ToolFault>> + Send + Sync>;

/// A function under its contract. What it awaits ends with its scope; what may block belongs into a child process of
/// the scope that its [`Dispatch`] carries.
pub struct Function {
    contract: Contract,
    body: Body,
}

impl Function {
    /// Wraps an async function of the arguments.
    pub fn new<F, Fut>(contract: Contract, body: F) -> Self
    where
        F: Fn(Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, ToolFault>> + Send + 'static,
    {
        Self { contract, body: Box::new(move |dispatch| Box::pin(body(dispatch.arguments))) }
    }
}

impl Tool for Function {
    fn contract(&self) -> &Contract {
        &self.contract
    }

    fn call(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<String, ToolFault>> {
        (self.body)(dispatch)
    }
}
