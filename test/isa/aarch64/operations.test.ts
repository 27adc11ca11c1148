import { operationSuite } from '../operations.ts';

operationSuite('aarch64');
