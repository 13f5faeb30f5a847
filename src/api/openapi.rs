//! The OpenAPI document of a listener: made from its routes, so that it has all of them and no others.

use axum::Extension;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{
    AdditionalProperties, Array, Object, ObjectBuilder, SchemaType, Type,
};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, Ref, RefOr, Response,
    ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::Api;
use super::camera_item::CameraItem;
use super::camera_search::POINT_CLASSES;
use super::problem::{PROBLEM_JSON, Problem};
use crate::catalog::Level;
use crate::catalog::geo::Datum;
use crate::import::{Action, Column, Mode};
use crate::ledger::{Cause, State};

/// Who may ask for what a document says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Guard {
    /// Who shows the token.
    Token,
    /// Who may use the socket.
    Socket,
}

/// A listener's document, as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Document(Bytes);

impl Document {
    /// The document of these routes.
    pub(super) fn of(routes: OpenApiRouter<Api>, guard: Guard) -> (axum::Router<Api>, Self) {
        let (router, mut document) = routes.split_for_parts();
        complete(&mut document, guard);
        // It has texts and numbers only: there is nothing in it that cannot be written down.
        let text = document.to_pretty_json().unwrap_or_default();
        (router, Self(text.into()))
    }
}

/// This document
#[utoipa::path(
    get, path = "/api/openapi.json", operation_id = "openapi", tag = "gateway",
    responses((status = 200, description = "The OpenAPI document", body = serde_json::Value))
)]
pub(super) async fn show(Extension(document): Extension<Document>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], document.0)
}

/// Adds what is the same for all routes, so that none has to say it: who may ask, what every error looks like.
fn complete(document: &mut OpenApi, guard: Guard) {
    document.info = InfoBuilder::new()
        .title("huiju")
        .version("v1")
        .description(Some(DESCRIPTION))
        .build();
    document.servers = None;
    let components = document.components.get_or_insert_with(Components::default);
    let problem = ("Problem".to_owned(), Problem::schema());
    components.schemas.extend([problem]);
    if guard == Guard::Token {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme(BEARER, bearer);
    }
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let is_open = operation.tags.iter().flatten().any(|tag| tag == "health");
            if guard == Guard::Token && !is_open {
                let wanted = SecurityRequirement::new(BEARER, [""; 0]);
                operation.security = Some(vec![wanted]);
                answer(operation, "401", unauthorized());
                answer(operation, "429", too_many());
            }
            complete_parameters(operation);
            complete_answers(operation);
        }
        if let Some(operation) = &mut item.get {
            complete_tag(operation);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
    ];
    all.into_iter().flatten()
}

/// What may be left out of a query cannot be null there; a path can be no text at all.
fn complete_parameters(operation: &mut Operation) {
    let mut has_any = operation.request_body.is_some();
    for parameter in operation.parameters.iter_mut().flatten() {
        has_any = true;
        if let RefOr::T(parameter) = parameter
            && let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
        {
            let kind = std::mem::take(&mut schema.schema_type);
            schema.schema_type = without_null(kind);
        }
    }
    if operation.request_body.is_some() {
        answer(operation, "408", Response::new("The body came too slowly"));
    }
    if has_any {
        answer(operation, "400", Response::new("The request is wrong"));
    }
}

fn without_null(kind: SchemaType) -> SchemaType {
    match kind {
        SchemaType::Array(kinds) => {
            let mut kinds: Vec<_> = kinds
                .into_iter()
                .filter(|kind| *kind != Type::Null)
                .collect();
            match (kinds.pop(), kinds.is_empty()) {
                (Some(only), true) => only.into(),
                (Some(last), false) => {
                    kinds.push(last);
                    SchemaType::Array(kinds)
                }
                (None, _) => SchemaType::AnyValue,
            }
        }
        other => other,
    }
}

/// JSON that is read has a tag, where it has none of its own, and is not sent again; see [`super::unchanged`].
fn complete_tag(operation: &mut Operation) {
    let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") else {
        return;
    };
    if response.headers.contains_key("ETag") || !response.content.contains_key(JSON) {
        return;
    }
    let tag = HeaderBuilder::new().description(Some("For If-None-Match"));
    response
        .headers
        .insert("ETag".to_owned(), tag.build().into());
    let known = ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .description(Some("The ETag that the answer had before"))
        .schema(Some(Object::with_type(Type::String)));
    operation
        .parameters
        .get_or_insert_default()
        .push(known.build().into());
    answer(operation, "304", Response::new("It is as it was"));
}

/// Every error is a problem.
fn complete_answers(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && response.content.is_empty()
        {
            let problem = Ref::from_schema_name("Problem");
            let content = ContentBuilder::new().schema(Some(problem)).build();
            response
                .content
                .insert(PROBLEM_JSON.to_owned(), content.into());
        }
    }
}

/// Adds an answer that the route does not say itself.
fn answer(operation: &mut Operation, status: &str, response: Response) {
    let responses = &mut operation.responses.responses;
    responses
        .entry(status.to_owned())
        .or_insert_with(|| response.into());
}

fn unauthorized() -> Response {
    ResponseBuilder::new()
        .description("Without the token")
        .header("WWW-Authenticate", HeaderBuilder::new().build())
        .build()
}

fn too_many() -> Response {
    ResponseBuilder::new()
        .description("Too many tries without the token")
        .header("Retry-After", HeaderBuilder::new().build())
        .build()
}

/// One of these words.
fn one_of(words: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
        .build()
}

pub(super) fn state() -> Object {
    one_of(State::ALL.map(State::name))
}

pub(super) fn cause() -> Object {
    one_of(Cause::ALL.map(Cause::name))
}

pub(super) fn datum() -> Object {
    one_of(Datum::ALL.map(Datum::name))
}

/// A datum, or that nobody knows it.
pub(super) fn datum_or_unsure() -> Object {
    one_of(Datum::ALL.map(Datum::name).into_iter().chain(["unsure"]))
}

pub(super) fn table() -> Object {
    one_of(["json", "csv", "xlsx"])
}

pub(super) fn report() -> Object {
    one_of(["json", "text", "csv", "xlsx"])
}

/// The classes that an inventory takes.
pub(super) fn point_class() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some(POINT_CLASSES))
        .build()
}

pub(super) fn mode() -> Object {
    one_of(Mode::ALL.map(Mode::name))
}

pub(super) fn action() -> Object {
    one_of(Action::ALL.map(Action::name))
}

pub(super) fn level() -> Object {
    one_of(Level::ALL.map(Level::name))
}

/// Cameras of a page: with `fields` they have those only.
pub(super) fn cameras_with_fields() -> Array {
    let mut item = CameraItem::schema();
    if let RefOr::T(Schema::Object(item)) = &mut item {
        item.required.clear();
    }
    Array::new(item)
}

/// Fields of a camera by the names of the inventory's columns; null takes one away.
pub(super) struct CameraFields;

impl PartialSchema for CameraFields {
    fn schema() -> RefOr<Schema> {
        let said = "Fields by the names of the inventory; null takes one away";
        RefOr::T(camera_fields().description(Some(said)).into())
    }
}

impl ToSchema for CameraFields {}

/// Fields of a camera that is to be added.
pub(super) struct NewCamera;

impl PartialSchema for NewCamera {
    fn schema() -> RefOr<Schema> {
        let required = [Column::Name, Column::Department, Column::Url].into_iter();
        let fields = required.fold(camera_fields(), |fields, column| {
            fields.required(column.name())
        });
        let said = "Fields by the names of the inventory";
        RefOr::T(fields.description(Some(said)).into())
    }
}

impl ToSchema for NewCamera {}

/// What stands in a cell may be text, a number, true or false.
fn camera_fields() -> ObjectBuilder {
    let kinds = [Type::String, Type::Number, Type::Boolean, Type::Null];
    let fields = Column::all().fold(ObjectBuilder::new(), |fields, column| {
        let field = ObjectBuilder::new().schema_type(SchemaType::from_iter(kinds.clone()));
        fields.property(column.name(), field)
    });
    fields.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

const BEARER: &str = "bearer";
const JSON: &str = "application/json";
const DESCRIPTION: &str = "Cameras of several departments, the platforms that see them, and who watches now. \
    Lists are `{items, next}`; `next` is the `cursor` of the next page. Every error is a problem (RFC 9457) with a \
    `code` that stays. Every `{id}` of a camera is its id or its GB/T 28181 code.";
