<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent;

use Psr\Log\LoggerInterface;

/**
 * Keeps the agent's failures from the shop: they are logged, and the shop goes on.
 */
class Fence
{
    /**
     * @var LoggerInterface
     */
    private $logger;

    /**
     * @param LoggerInterface $logger
     */
    public function __construct(LoggerInterface $logger)
    {
        $this->logger = $logger;
    }

    /**
     * Runs a function and logs its failure.
     */
    public function run(string $what, callable $do): void
    {
        try {
            $do();
        } catch (\Throwable $failure) {
            $this->log($what, $failure);
        }
    }

    /**
     * Logs a failure.
     */
    public function log(string $what, \Throwable $failure): void
    {
        try {
            $this->logger->error(sprintf(
                'The agent failed at %s: %s: %s (%s:%d)',
                $what,
                get_class($failure),
                $failure->getMessage(),
                $failure->getFile(),
                $failure->getLine()
            ));
        } catch (\Throwable $exception) {
            // A log that cannot be written, as on a full disk, must not stop the shop.
            return;
        }
    }
}
