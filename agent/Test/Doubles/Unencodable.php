<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use MagentoEventBridge\Agent\Capture\Capture;

/**
 * A value of another module that fails while it is encoded as JSON.
 */
class Unencodable implements \JsonSerializable
{
    public static function capture(): Capture
    {
        $capture = new Capture('id', 'broken', 1.5, null, 1, null, null);
        $capture->show(['value' => new self()]);

        return $capture;
    }

    public function jsonSerialize(): array
    {
        throw new \RuntimeException('a failure of another module');
    }
}
