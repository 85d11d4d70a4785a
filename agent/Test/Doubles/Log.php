<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Psr\Log\LoggerInterface;

/**
 * A log that remembers its lines, or that cannot be written.
 */
class Log implements LoggerInterface
{
    /**
     * @var string[]
     */
    public $lines = [];

    /**
     * @var bool
     */
    public $isFull = false;

    public function warning($message, array $context = []): void
    {
        $this->error($message, $context);
    }

    public function error($message, array $context = []): void
    {
        if ($this->isFull) {
            throw new \RuntimeException('disk full');
        }
        $this->lines[] = (string)$message;
    }
}
