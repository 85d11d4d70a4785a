<?php

/**
 * What application servers show to the code that answers a request.
 *
 * FrankenPHP reads $_SERVER anew for each request of a worker, so that it has no mark of the worker then.
 */

declare(strict_types=1);

namespace {
    function frankenphp_handle_request(callable $handler): bool
    {
        $handler();

        return true;
    }
}

namespace Swoole {
    class Coroutine
    {
        public static $id = -1;

        public static function getCid(): int
        {
            return self::$id;
        }
    }
}
