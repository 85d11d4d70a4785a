<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\App\Config\ScopeConfigInterface;

/**
 * Chooses the way to the bridge that the shop has set; the outbox unless another is set.
 */
class Transports
{
    private const TRANSPORT = 'aws_eventbridge/agent/transport';

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
     * @param ScopeConfigInterface $config
     * @param TransportInterface $default
     * @param TransportInterface[] $others by the names that the setting has for them
     */
    public function __construct(ScopeConfigInterface $config, TransportInterface $default, array $others = [])
    {
        $this->config = $config;
        $this->default = $default;
        $this->others = $others;
    }

    public function chosen(): TransportInterface
    {
        return $this->others[(string)$this->config->getValue(self::TRANSPORT)] ?? $this->default;
    }
}
