//! Corrections of what the macros write.

use utoipa::openapi::encoding::Encoding;
use utoipa::openapi::path::{Operation, ParameterStyle, PathItem};
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, SchemaType};
use utoipa::openapi::{ArrayBuilder, Components, Object, OpenApi, Ref, RefOr, Schema, Type};

/// The objects of request bodies. Their unknown fields are an error.
const REQUESTS: [&str; 15] = [
    "AdvanceBody",
    "BrowserInfo",
    "CaptchaBody",
    "Card",
    "ConnectorBody",
    "FixBody",
    "NewInvoice",
    "NewRefund",
    "NewSecretKey",
    "PageOrder",
    "PayForm",
    "ProjectBody",
    "ProjectPatch",
    "ResendBody",
    "ResolveBody",
];
/// Objects that requests and responses share. A response may have more fields in a later version, so
/// that requests have schemas of their own.
const SHARED: [&str; 4] = ["AttemptLimits", "Buyer", "Item", "WidgetSettings"];

/// Corrects every operation and the schemas.
pub fn apply(api: &mut OpenApi) {
    if let Some(components) = &mut api.components {
        close_requests(components);
        refer_to_items(components);
    }
    for item in api.paths.paths.values_mut() {
        operations(item).for_each(correct);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [
        &mut item.get,
        &mut item.post,
        &mut item.patch,
        &mut item.put,
        &mut item.delete,
    ];
    all.into_iter().flatten()
}

fn correct(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && let Some(schema) = &mut parameter.schema
        {
            without_null(schema);
        }
    }
    // A body that may be absent is not null either.
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        for (media_type, content) in &mut body.content {
            let RefOr::T(content) = content else {
                continue;
            };
            content.schema.iter_mut().for_each(without_null);
            let form = "application/x-www-form-urlencoded";
            if media_type == form && operation.operation_id.as_deref() == Some("submitPaymentForm")
            {
                // `metadata[key]=value`
                let encoding = Encoding::builder().style(Some(ParameterStyle::DeepObject));
                let encoding = encoding.explode(Some(true)).build();
                content.encoding.insert("metadata".into(), encoding);
            }
        }
    }
    // `security(())` is written as a list with an empty requirement. Generators then ask for
    // credentials that the operation does not take.
    if let Some(security) = &mut operation.security {
        security.retain(|requirement| *requirement != Default::default());
    }
}

/// Declares that requests have no other fields.
fn close_requests(components: &mut Components) {
    for name in SHARED {
        if let Some(schema) = components.schemas.get(name) {
            let mut own = schema.clone();
            object(&mut own).for_each(close);
            components.schemas.insert(name_in_requests(name), own);
        }
    }
    for name in REQUESTS {
        let schema = components.schemas.get_mut(name);
        for object in schema.into_iter().flat_map(object) {
            close(object);
            object.properties.values_mut().for_each(refer_to_requests);
            if name == "PayForm" {
                // A form has no null.
                object.properties.values_mut().for_each(without_null);
            }
        }
    }
}

fn close(object: &mut Object) {
    object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
}

fn object(schema: &mut RefOr<Schema>) -> impl Iterator<Item = &mut Object> {
    let object = match schema {
        RefOr::T(Schema::Object(object)) => Some(object),
        _ => None,
    };
    object.into_iter()
}

fn name_in_requests(name: &str) -> String {
    format!("New{name}")
}

/// Replaces references to shared objects by references to those of requests.
fn refer_to_requests(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::Ref(reference) => {
            let name = reference
                .ref_location
                .rsplit('/')
                .next()
                .unwrap_or_default();
            if SHARED.contains(&name) {
                let own = Ref::from_schema_name(name_in_requests(name));
                reference.ref_location = own.ref_location;
            }
        }
        RefOr::T(Schema::Array(array)) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                refer_to_requests(items);
            }
        }
        RefOr::T(Schema::OneOf(one_of)) => one_of.items.iter_mut().for_each(refer_to_requests),
        RefOr::T(_) => {}
    }
}

/// The macro writes the schema of a page's objects into each page. This refers to it.
fn refer_to_items(components: &mut Components) {
    for (name, schema) in &mut components.schemas {
        if let Some(item) = name.strip_prefix("Page_") {
            for page in object(schema) {
                let items = ArrayBuilder::new().items(Ref::from_schema_name(item));
                let data = Schema::from(items.description(Some("Newest first.")).build());
                page.properties.insert("data".into(), data.into());
            }
        }
    }
}

/// Takes null out of a schema. An optional field is null in JSON, but a parameter of a URL or a field
/// of a form is absent.
fn without_null(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            if let SchemaType::Array(types) = &mut object.schema_type {
                types.retain(|r#type| *r#type != Type::Null);
                if let [only] = &types[..] {
                    object.schema_type = SchemaType::Type(only.clone());
                }
            }
        }
        RefOr::T(Schema::OneOf(one_of)) => {
            one_of.items.retain(|item| !is_null(item));
            if one_of.items.len() == 1
                && let Some(only) = one_of.items.pop()
            {
                *schema = only;
            }
        }
        _ => {}
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    let null = SchemaType::Type(Type::Null);
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == null)
}
