import { frameSuite } from '../frames.ts';

frameSuite('aarch64');
