// Carries one header on, beside what OpenTelemetry carries. Load it after the SDK; the application stays as it is:
//
//   NODE_OPTIONS="--require @opentelemetry/auto-instrumentations-node/register --require ./preview-propagator.cjs"
//
// PREVIEW_HEADER names another header than x-preview-id.
'use strict'
const { propagation, createContextKey, defaultTextMapGetter, defaultTextMapSetter } = require('@opentelemetry/api')

const header = process.env.PREVIEW_HEADER || 'x-preview-id'
const key = createContextKey(header)

// The API shows the propagator that the SDK chose only here.
if (typeof propagation._getGlobalPropagator !== 'function') {
  throw new Error('preview-propagator.cjs does not know this version of @opentelemetry/api')
}
const chosen = propagation._getGlobalPropagator()

propagation.disable()
propagation.setGlobalPropagator({
  extract(context, carrier, getter = defaultTextMapGetter) {
    const found = getter.get(carrier, header)
    const value = Array.isArray(found) ? found[0] : found
    const extracted = chosen.extract(context, carrier, getter)
    return value ? extracted.setValue(key, value) : extracted
  },
  inject(context, carrier, setter = defaultTextMapSetter) {
    chosen.inject(context, carrier, setter)
    const value = context.getValue(key)
    if (value) setter.set(carrier, header, value)
  },
  fields() {
    return [...chosen.fields(), header]
  },
})
