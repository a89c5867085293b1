//! The operations of the OpenAPI document and whose calls each takes.

/// Whose calls an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody's. It names no object, or only what the caller brings.
    Public,
    /// Those with a secret key of the project that the object belongs to, with this scope.
    Project(&'static str),
    /// Those with the client token of the invoice.
    Invoice,
    /// Those with the publishable key, from an allowed origin.
    Page,
    /// Those of an operator with this role, or of one that may do more.
    Operator(&'static str),
    /// Those that the payment system has signed.
    Signed,
}

pub const ACCESS: &[(&str, Access)] = &[
    ("listInvoices", Access::Project("read")),
    ("createInvoice", Access::Project("write")),
    ("getInvoice", Access::Project("read")),
    ("cancelInvoice", Access::Project("write")),
    ("listPayments", Access::Project("read")),
    ("getPayment", Access::Project("read")),
    ("createRefund", Access::Project("refund")),
    ("listRefunds", Access::Project("read")),
    ("getRefund", Access::Project("read")),
    ("listDisputes", Access::Project("read")),
    ("getDispute", Access::Project("read")),
    ("listEvents", Access::Project("read")),
    ("getEvent", Access::Project("read")),
    ("resendEvent", Access::Project("write")),
    ("resendEvents", Access::Project("write")),
    ("pingEndpoint", Access::Project("write")),
    ("advanceTestClock", Access::Project("write")),
    ("createProject", Access::Operator("admin")),
    ("listProjects", Access::Operator("viewer")),
    ("getProject", Access::Operator("viewer")),
    ("updateProject", Access::Operator("admin")),
    ("rotateProjectKey", Access::Operator("admin")),
    ("rotateProjectSecret", Access::Operator("admin")),
    ("listProjectKeys", Access::Operator("viewer")),
    ("createProjectKey", Access::Operator("admin")),
    ("revokeProjectKey", Access::Operator("admin")),
    ("resolvePayment", Access::Operator("support")),
    ("createInvoiceFromPage", Access::Page),
    ("getBillingData", Access::Invoice),
    ("streamInvoice", Access::Invoice),
    ("fixPayment", Access::Invoice),
    ("cancelPayment", Access::Invoice),
    ("receiveWebhook", Access::Signed),
    ("submitPaymentForm", Access::Public),
    ("returnFromVerification", Access::Public),
    ("returnFromVerificationByForm", Access::Public),
    ("getPaymentPage", Access::Public),
    ("redirectToPaymentPage", Access::Public),
    ("getPaymentFrame", Access::Public),
    ("getCaptcha", Access::Public),
    ("getEmbedVersion", Access::Public),
    ("getEmbedScriptVersion", Access::Public),
    ("getWidgetTexts", Access::Public),
    ("getWidgetFile", Access::Public),
    ("getEmbedScript", Access::Public),
    ("getEmbedTypes", Access::Public),
    ("getProblemType", Access::Public),
    ("getHealth", Access::Public),
    ("getReadiness", Access::Public),
    ("getMetrics", Access::Public),
    ("getSandbox", Access::Public),
];
