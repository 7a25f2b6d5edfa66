// This file is compiled and never run: the same types from an ES module.
import oaic, { Client } from 'oaic';

export const client: Client = new oaic.Client({ dotenv: false });
