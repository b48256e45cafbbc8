require('./serve.cjs').serve(require('express'), require('http'))
