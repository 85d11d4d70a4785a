<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Store\Model\ScopeInterface;
use MagentoEventBridge\Agent\Capture\Capture;

/**
 * Chooses the transport that the shop has set; by default the outbox.
 */
class Transports
{
    private const TRANSPORT = 'aws_eventbridge/agent/transport';
    private const QUEUE_MODE = 'aws_eventbridge/options/queue_mode';
    private const QUEUE = 'queue';

    /**
     * @var ScopeConfigInterface
     */
    private $config;

    /**
     * @var TransportInterface
     */
    private $default;

    /**
     * @var TransportInterface[]
     */
    private $others;

    /**
     * @var string[]
     */
    private $neverQueued;

    /**
     * @param ScopeConfigInterface $config
     * @param TransportInterface $default
     * @param TransportInterface[] $others by the names that the setting has for them, and the message queue
     * @param string[] $neverQueued events that are handed over in real time in queue mode, too
     */
    public function __construct(
        ScopeConfigInterface $config,
        TransportInterface $default,
        array $others = [],
        array $neverQueued = []
    ) {
        $this->config = $config;
        $this->default = $default;
        $this->others = $others;
        $this->neverQueued = $neverQueued;
    }

    /**
     * Returns the transport of a capture.
     */
    public function of(Capture $capture): TransportInterface
    {
        $name = $this->isQueued($capture) ? self::QUEUE : (string)$this->config->getValue(self::TRANSPORT);
        $way = $this->others[$name] ?? $this->default;

        return $way->isAvailable() ? $way : $this->default;
    }

    /**
     * Returns the transport that is used when another fails.
     */
    public function fallback(): TransportInterface
    {
        return $this->default;
    }

    private function isQueued(Capture $capture): bool
    {
        return !in_array($capture->getEvent(), $this->neverQueued, true)
            && $this->config->isSetFlag(self::QUEUE_MODE, ScopeInterface::SCOPE_STORE, $capture->getStoreId());
    }
}
