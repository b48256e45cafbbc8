import express from 'express'
import http from 'http'
import { serve } from './serve.cjs'

serve(express, http)
