// A: each path asks B in another way and answers with what B says.
exports.serve = (express, http) => {
  const b = process.env.B_URL
  const ask = async () => (await fetch(b)).text()
  const app = express()
  app.get('/http', (_, answer) => http.get(b, (reply) => reply.pipe(answer)))
  app.get('/fetch', async (_, answer) => answer.send(await ask()))
  app.get('/later', async (_, answer) => {
    await new Promise((done) => setTimeout(done, 20))
    answer.send(await ask())
  })
  app.listen(Number(process.env.A_PORT), '127.0.0.1')
}
